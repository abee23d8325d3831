INSERT INTO workflow_history (
    tenant, execution_id, move, at, step, occurrence, attempt, outcome, output, stood_us, lag_us, work_us
)
SELECT ?1, execution_id, 0, at, step, 0, 1, 'entered', "trigger", 0, 0, 0.0
FROM temp.incoming_entries
WHERE execution_id IN (SELECT value FROM json_each(?2));
