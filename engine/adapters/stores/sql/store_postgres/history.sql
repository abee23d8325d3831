SELECT execution_id, move, at, step, type, occurrence, attempt, outcome, output, error, stood_us, lag_us, work_us
FROM mailray.workflow_history
WHERE tenant = %(tenant)s AND execution_id = ANY(%(ids)s::text[])
ORDER BY execution_id, move;
