SELECT
    '' AS execution_id, '' AS workflow, '' AS version, '' AS user_id, '' AS "trigger", '' AS state, '' AS step,
    0 AS occurrence, 0 AS retry_count, 0 AS moves, 0 AS claim, 0 AS seen, 0 AS entered_at, 0 AS arrived_at,
    0 AS due, 0 AS until, '' AS awaits, 0 AS goal_at, 0 AS ended_at, '' AS error, '' AS context
UNION ALL
SELECT * FROM (
    SELECT
        execution_id, workflow_id AS workflow, version, user_id, "trigger", status AS state, step, occurrence,
        retry_count, moves, claim, seen, execution_time AS entered_at, arrived_at, due, until, awaits, goal_at,
        ended_at, error, context
    FROM workflow_executions INDEXED BY idx_workflow_executions_page
    WHERE tenant = ?1 AND workflow_id = ?2 AND execution_id > ?4 AND status IN (SELECT value FROM json_each(?3))
    ORDER BY execution_id
    LIMIT ?5
);
