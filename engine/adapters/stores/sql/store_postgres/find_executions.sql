SELECT
    execution_id, workflow_id AS workflow, version, user_id, "trigger", status AS state, step, occurrence,
    retry_count, moves, claim, seen, execution_time AS entered_at, arrived_at, due, until, awaits, goal_at,
    ended_at, error, context
FROM mailray.workflow_executions
WHERE tenant = %(tenant)s AND execution_id = ANY(%(ids)s::text[])
ORDER BY execution_id;
