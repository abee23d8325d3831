UPDATE workflow_executions SET claim = claim + 1, lease_until = ?3, owner = ?4
WHERE tenant = ?1 AND execution_id IN (SELECT value FROM json_each(?2));
