SELECT
    '' AS execution_id, 0 AS move, 0 AS at, '' AS step, '' AS type, 0 AS occurrence, 0 AS attempt,
    '' AS outcome, '' AS output, '' AS error, 0 AS stood_us, 0 AS lag_us, 0.0 AS work_us
UNION ALL
SELECT * FROM (
    SELECT execution_id, move, at, step, type, occurrence, attempt, outcome, output, error, stood_us, lag_us, work_us
    FROM workflow_history
    WHERE tenant = ?1 AND execution_id IN (SELECT value FROM json_each(?2))
    ORDER BY execution_id, move
    LIMIT -1
);
