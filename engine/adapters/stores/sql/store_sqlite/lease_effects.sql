UPDATE workflow_effects SET lease_until = ?3
WHERE tenant = ?1 AND name IN (SELECT value FROM json_each(?2));
