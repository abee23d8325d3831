UPDATE workflow_executions AS known SET
    workflow_id = given.workflow, version = given.version, user_id = given.user_id, "trigger" = given."trigger",
    status = given.state, step = given.step, occurrence = given.occurrence, retry_count = given.retry_count,
    moves = given.moves, seen = given.seen, execution_time = given.entered_at, arrived_at = given.arrived_at,
    due = given.due, until = given.until, awaits = given.awaits, goal_at = given.goal_at,
    ended_at = given.ended_at, error = given.error, context = given.context, lease_until = 0,
    updates = coalesce(opened.number, 0)
FROM temp.incoming_executions AS given
LEFT JOIN (
    SELECT effect.execution_id, count(*) AS number
    FROM temp.incoming_effects AS effect
    CROSS JOIN workflow_effects AS open ON open.tenant = ?1 AND open.name = effect.name
    WHERE open.kind = 'update' AND open.settled = 0
    GROUP BY effect.execution_id
) AS opened ON opened.execution_id = given.execution_id
WHERE known.tenant = ?1 AND known.execution_id = given.execution_id AND known.claim = given.claim;
