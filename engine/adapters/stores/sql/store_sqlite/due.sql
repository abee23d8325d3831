-- The first of each workflow, and of those the first.
SELECT found.execution_id
FROM (SELECT DISTINCT value FROM json_each(?3)) AS workflow
CROSS JOIN workflow_executions AS found ON found.tenant = ?1 AND found.execution_id IN (
    SELECT execution_id
    FROM workflow_executions
    WHERE tenant = ?1 AND workflow_id = workflow.value AND status IN ('ready', 'waiting') AND updates = 0
        AND due <= ?2 AND lease_until <= ?2
    ORDER BY due, execution_id
    LIMIT ?4
)
ORDER BY found.due, found.execution_id
LIMIT ?4;
