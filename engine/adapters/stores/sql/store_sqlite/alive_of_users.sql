-- Each with whether it is free: under no lease, or under that of an owner who is gone. Without statistics SQLite takes a tenant for ten rows: the index is named.
SELECT execution_id, user_id, updates = 0 AND (lease_until <= ?2 OR owner IN (SELECT value FROM json_each(?5))) AS free
FROM workflow_executions INDEXED BY idx_workflow_executions
WHERE tenant = ?1 AND workflow_id = ?3 AND user_id IN (SELECT value FROM json_each(?4))
    AND status IN ('ready', 'waiting');
