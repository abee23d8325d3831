SELECT
    execution_id, workflow_id AS workflow, version, user_id, "trigger", status AS state, step, occurrence,
    retry_count, moves, claim, seen, execution_time AS entered_at, arrived_at, due, until, awaits, goal_at,
    ended_at, error, context
FROM mailray.workflow_executions
WHERE tenant = %(tenant)s AND workflow_id = %(workflow)s AND execution_id > %(after)s
    AND status = ANY(%(states)s::text[])
ORDER BY execution_id
LIMIT %(most)s;
