-- Gives how many were kept: those whose claim is still the one stored. They are looked up one by one and written over by
-- their key, for a join may read through all of the tenant.
WITH mine AS (
    SELECT given.*
    FROM (SELECT * FROM pg_temp.incoming_executions ORDER BY execution_id OFFSET 0) AS given
    CROSS JOIN LATERAL (
        SELECT 1
        FROM mailray.workflow_executions AS known
        WHERE known.tenant = %(tenant)s AND known.execution_id = given.execution_id AND known.claim = given.claim
        FOR UPDATE
    ) AS stored
), told AS (
    INSERT INTO mailray.workflow_history (
        tenant, execution_id, move, at, step, type, occurrence, attempt, outcome, output, error, stood_us, lag_us,
        work_us
    )
    SELECT
        %(tenant)s, execution_id, given.move, given.at, given.step, given.type, given.occurrence, given.attempt,
        given.outcome, given.output, given.error, given.stood_us, given.lag_us, given.work_us
    FROM pg_temp.incoming_history AS given JOIN mine USING (execution_id)
    ON CONFLICT DO NOTHING
), effects AS (
    INSERT INTO mailray.workflow_effects (
        tenant, name, kind, execution_id, workflow, user_id, step, occurrence, at, payload
    )
    SELECT
        %(tenant)s, given.name, given.kind, execution_id, given.workflow, given.user_id, given.step, given.occurrence,
        given.at, given.payload
    FROM pg_temp.incoming_effects AS given JOIN mine USING (execution_id)
    ON CONFLICT DO NOTHING
    RETURNING execution_id, kind
), opened AS (
    SELECT execution_id, count(*) AS number FROM effects WHERE kind = 'update' GROUP BY execution_id
), kept AS (
    INSERT INTO mailray.workflow_executions AS known (
        tenant, execution_id, workflow_id, version, user_id, "trigger", status, step, occurrence, retry_count, moves,
        claim, seen, execution_time, arrived_at, due, until, awaits, goal_at, ended_at, error, context, updates
    )
    SELECT
        %(tenant)s, execution_id, workflow, version, user_id, "trigger", state, step, occurrence, retry_count, moves,
        claim, seen, entered_at, arrived_at, due, until, awaits, goal_at, ended_at, error, context,
        coalesce(opened.number, 0)
    FROM mine
    LEFT JOIN opened USING (execution_id)
    ON CONFLICT (tenant, execution_id) DO UPDATE SET
        workflow_id = excluded.workflow_id, version = excluded.version, user_id = excluded.user_id,
        "trigger" = excluded."trigger", status = excluded.status, step = excluded.step,
        occurrence = excluded.occurrence, retry_count = excluded.retry_count, moves = excluded.moves,
        seen = excluded.seen, execution_time = excluded.execution_time, arrived_at = excluded.arrived_at,
        due = excluded.due, until = excluded.until, awaits = excluded.awaits, goal_at = excluded.goal_at,
        ended_at = excluded.ended_at, error = excluded.error, context = excluded.context, lease_until = 0,
        updates = known.updates + excluded.updates
    RETURNING 1
)
SELECT count(*) FROM kept;
