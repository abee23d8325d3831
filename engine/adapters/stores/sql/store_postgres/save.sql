-- Gives how many were kept: those whose claim is still the one stored.
WITH mine AS (
    SELECT known.execution_id
    FROM mailray.workflow_executions AS known
    JOIN pg_temp.incoming_executions AS given ON given.execution_id = known.execution_id AND given.claim = known.claim
    WHERE known.tenant = %(tenant)s
    ORDER BY known.execution_id
    FOR UPDATE OF known
), told AS (
    INSERT INTO mailray.workflow_history (
        tenant, execution_id, move, at, step, type, occurrence, attempt, outcome, output, error, stood_us, lag_us,
        work_us
    )
    SELECT
        %(tenant)s, execution_id, move, at, step, type, occurrence, attempt, outcome, output, error, stood_us, lag_us,
        work_us
    FROM pg_temp.incoming_history JOIN mine USING (execution_id)
    ON CONFLICT DO NOTHING
), effects AS (
    INSERT INTO mailray.workflow_effects (
        tenant, name, kind, execution_id, workflow, user_id, step, occurrence, at, payload
    )
    SELECT %(tenant)s, name, kind, execution_id, workflow, user_id, step, occurrence, at, payload
    FROM pg_temp.incoming_effects JOIN mine USING (execution_id)
    ON CONFLICT DO NOTHING
    RETURNING execution_id, kind
), opened AS (
    SELECT execution_id, count(*) AS number FROM effects WHERE kind = 'update' GROUP BY execution_id
), kept AS (
    UPDATE mailray.workflow_executions AS known SET
        workflow_id = given.workflow, version = given.version, user_id = given.user_id,
        "trigger" = given."trigger", status = given.state, step = given.step, occurrence = given.occurrence,
        retry_count = given.retry_count, moves = given.moves, seen = given.seen,
        execution_time = given.entered_at, arrived_at = given.arrived_at, due = given.due, until = given.until,
        awaits = given.awaits, goal_at = given.goal_at, ended_at = given.ended_at, error = given.error,
        context = given.context, lease_until = 0, updates = known.updates + coalesce(opened.number, 0)
    FROM pg_temp.incoming_executions AS given
    JOIN mine USING (execution_id)
    LEFT JOIN opened USING (execution_id)
    WHERE known.tenant = %(tenant)s AND known.execution_id = given.execution_id
    RETURNING 1
)
SELECT count(*) FROM kept;
