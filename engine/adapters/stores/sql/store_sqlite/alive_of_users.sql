-- Each with whether it is free.
SELECT execution_id, user_id, lease_until <= ?2 AND updates = 0 AS free
FROM workflow_executions
WHERE tenant = ?1 AND user_id IN (SELECT value FROM json_each(?3)) AND status IN ('ready', 'waiting')
ORDER BY execution_id;
