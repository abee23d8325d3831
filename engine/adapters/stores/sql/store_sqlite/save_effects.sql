INSERT INTO workflow_effects (tenant, name, kind, execution_id, workflow, user_id, step, occurrence, at, payload)
SELECT ?1, name, kind, execution_id, workflow, user_id, step, occurrence, at, payload
FROM temp.incoming_effects AS given
WHERE given.execution_id IN (
    SELECT mine.execution_id
    FROM temp.incoming_executions AS mine
    CROSS JOIN workflow_executions AS known
        ON known.tenant = ?1 AND known.execution_id = mine.execution_id AND known.claim = mine.claim
)
ON CONFLICT DO NOTHING;
