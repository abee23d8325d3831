SELECT '' AS workflow, '' AS version
UNION ALL
SELECT * FROM (
    SELECT workflow, version
    FROM workflow_definitions
    WHERE tenant = ?1
    ORDER BY workflow, version
    LIMIT -1
);
