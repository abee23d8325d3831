INSERT INTO workflow_history (
    tenant, execution_id, move, at, step, occurrence, attempt, outcome, output, stood_us, lag_us, work_us
)
SELECT tenant, execution_id, 0, execution_time, step, 0, 1, 'entered', "trigger", 0, 0, 0.0
FROM workflow_executions
WHERE tenant = ?1 AND execution_id IN (SELECT value FROM json_each(?2));
