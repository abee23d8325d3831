-- Gives how many memberships have changed, and whose they are: not more than `most` of them.
WITH put AS (
    INSERT INTO mailray.user_segments AS known
        (tenant, user_id, segment_type, segment_value, active, created_at, sequence, version)
    SELECT %(tenant)s, user_id, segment_type, segment_value, active, created_at, %(sequence)s, %(version)s
    FROM pg_temp.incoming_memberships
    ORDER BY user_id, segment_type, segment_value
    ON CONFLICT (tenant, user_id, segment_type, segment_value) DO UPDATE SET
        version = CASE
            WHEN (excluded.active, excluded.created_at) = (known.active, known.created_at) THEN known.version
            ELSE excluded.version
        END,
        active = excluded.active,
        created_at = excluded.created_at,
        sequence = excluded.sequence
    WHERE excluded.sequence >= known.sequence
    RETURNING user_id, version
), changed AS (
    SELECT user_id FROM put WHERE version = %(version)s
)
SELECT
    count(*),
    (SELECT array_agg(DISTINCT told.user_id) FROM (SELECT user_id FROM changed LIMIT %(most)s) AS told)
FROM changed;
