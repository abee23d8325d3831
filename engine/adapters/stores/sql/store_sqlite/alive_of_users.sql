-- Each with whether it is free. Without statistics SQLite takes a tenant for ten rows: the index is named.
SELECT execution_id, user_id, lease_until <= ?2 AND updates = 0 AS free
FROM workflow_executions INDEXED BY idx_workflow_executions
WHERE tenant = ?1 AND workflow_id = ?3 AND user_id IN (SELECT value FROM json_each(?4))
    AND status IN ('ready', 'waiting');
