-- Of several entries of one person that could be begun, the earliest. What is known of each is looked up by itself
-- (a lateral query that counts is no join): without statistics a join would read through all of the tenant.
WITH fit AS (
    SELECT DISTINCT ON (given.workflow, given.user_id) given.*
    FROM pg_temp.incoming_entries AS given
    CROSS JOIN LATERAL (
        SELECT count(*) AS number
        FROM mailray.workflow_executions AS known
        WHERE known.tenant = %(tenant)s AND known.execution_id = given.execution_id
    ) AS same
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (
                WHERE known.workflow_id = given.workflow AND (
                    %(again_after)s IS NULL OR known.status IN ('ready', 'waiting') OR known.ended_at > given.at
                    OR known.execution_time + %(again_after)s::bigint * interval '1 microsecond' > given.at
                )
                OR known.workflow_id = ANY(%(not_while)s::text[]) AND known.status IN ('ready', 'waiting')
            ) AS hindering,
            count(DISTINCT known.workflow_id) FILTER (
                WHERE known.workflow_id = ANY(%(only_after)s::text[]) AND known.status = 'done'
            ) AS ended
        FROM mailray.workflow_executions AS known
        WHERE known.tenant = %(tenant)s AND known.user_id = given.user_id
    ) AS theirs
    WHERE same.number = 0 AND theirs.hindering = 0 AND theirs.ended = %(needed)s
    ORDER BY given.workflow, given.user_id, given.at, given.execution_id
), begun AS (
    INSERT INTO mailray.workflow_executions (
        tenant, execution_id, workflow_id, version, user_id, "trigger", status, step, occurrence, retry_count,
        moves, claim, seen, execution_time, arrived_at, due, context
    )
    SELECT
        %(tenant)s, execution_id, workflow, version, user_id, "trigger", 'ready', step, 0, 0, 1, 0, 0, at, at,
        at, context
    FROM fit
), told AS (
    INSERT INTO mailray.workflow_history (
        tenant, execution_id, move, at, step, occurrence, attempt, outcome, output, stood_us, lag_us, work_us
    )
    SELECT %(tenant)s, execution_id, 0, at, step, 0, 1, 'entered', "trigger", 0, 0, 0.0
    FROM fit
)
SELECT execution_id FROM fit;
