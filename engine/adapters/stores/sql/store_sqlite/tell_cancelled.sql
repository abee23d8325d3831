INSERT INTO workflow_history (
    tenant, execution_id, move, at, step, occurrence, attempt, outcome, stood_us, lag_us, work_us
)
SELECT tenant, execution_id, moves, ?2, step, occurrence, retry_count + 1, 'cancelled', ?2 - arrived_at, 0, 0.0
FROM workflow_executions
WHERE tenant = ?1 AND execution_id IN (SELECT value FROM json_each(?3)) AND status IN ('ready', 'waiting');
