SELECT '' AS version, '' AS state, '' AS step, 0 AS executions
UNION ALL
SELECT * FROM (
    SELECT version, status AS state, step, count(*) AS executions
    FROM workflow_executions INDEXED BY idx_workflow_executions_page
    WHERE tenant = ?1 AND workflow_id = ?2
    GROUP BY version, status, step
    ORDER BY version, status, step
    LIMIT -1
);
