UPDATE workflow_executions SET lease_until = 0
WHERE tenant = ?1 AND status IN ('ready', 'waiting') AND lease_until > 0 AND lease_until <= ?2;
