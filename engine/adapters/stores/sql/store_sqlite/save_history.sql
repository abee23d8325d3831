INSERT INTO workflow_history (
    tenant, execution_id, move, at, step, type, occurrence, attempt, outcome, output, error, stood_us, lag_us, work_us
)
SELECT
    ?1, execution_id, move, at, step, type, occurrence, attempt, outcome, output, error, stood_us, lag_us, work_us
FROM temp.incoming_history AS given
WHERE given.execution_id IN (
    SELECT mine.execution_id
    FROM temp.incoming_executions AS mine
    CROSS JOIN workflow_executions AS known
        ON known.tenant = ?1 AND known.execution_id = mine.execution_id AND known.claim = mine.claim
)
ON CONFLICT DO NOTHING;
