UPDATE workflow_effects SET lease_until = 0
WHERE tenant = ?1 AND settled = 0 AND lease_until > 0 AND lease_until <= ?2;
