-- Gives how many there were.
WITH found AS (
    SELECT * FROM mailray.workflow_executions
    WHERE tenant = %(tenant)s AND execution_id = ANY(%(ids)s::text[]) AND status = 'failed'
    ORDER BY execution_id
    FOR UPDATE
), told AS (
    INSERT INTO mailray.workflow_history (
        tenant, execution_id, move, at, step, occurrence, attempt, outcome, stood_us, lag_us, work_us
    )
    SELECT
        tenant, execution_id, moves, %(now)s, step, occurrence, retry_count + 1, 'retried',
        (extract(epoch FROM %(now)s::timestamptz - arrived_at) * 1000000)::bigint, 0, 0.0
    FROM found
), done AS (
    UPDATE mailray.workflow_executions AS known SET
        status = 'ready', due = %(now)s, occurrence = known.occurrence + 1, retry_count = 0, ended_at = NULL,
        error = NULL, claim = known.claim + 1, moves = known.moves + 1, lease_until = 0
    FROM found
    WHERE known.tenant = found.tenant AND known.execution_id = found.execution_id
        AND known.execution_id = ANY(%(ids)s::text[])
)
SELECT count(*) FROM found;
