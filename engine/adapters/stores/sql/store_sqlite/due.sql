SELECT execution_id
FROM workflow_executions
WHERE tenant = ?1 AND status IN ('ready', 'waiting') AND due <= ?2
    AND lease_until <= ?2 AND updates = 0
ORDER BY due, execution_id
LIMIT ?3;
