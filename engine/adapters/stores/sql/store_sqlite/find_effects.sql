SELECT
    '' AS name, '' AS kind, '' AS execution_id, '' AS workflow, '' AS user_id, '' AS step, '' AS occurrence,
    0 AS at, '' AS payload
UNION ALL
SELECT * FROM (
    SELECT name, kind, execution_id, workflow, user_id, step, occurrence, at, payload
    FROM workflow_effects
    WHERE tenant = ?1 AND name IN (SELECT value FROM json_each(?2))
    ORDER BY at, name
    LIMIT -1
);
