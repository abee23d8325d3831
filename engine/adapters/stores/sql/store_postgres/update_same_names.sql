-- As `update_attributes`, when no write was later than this one and all rows write the same names, none of them null.
WITH laid AS (
    UPDATE mailray.users AS known SET
        attributes = known.attributes || given.attributes,
        name_sequences = known.name_sequences || %(names)s::jsonb,
        latest_sequence = %(sequence)s,
        version = CASE
            WHEN known.attributes || given.attributes = known.attributes THEN known.version ELSE %(version)s
        END
    FROM (SELECT user_id, attributes::jsonb AS attributes FROM pg_temp.incoming_attributes OFFSET 0) AS given
    WHERE known.tenant = %(tenant)s AND known.user_id = given.user_id
    RETURNING known.user_id, known.version
), changed AS (
    SELECT user_id FROM laid WHERE version = %(version)s
)
SELECT
    count(*),
    (SELECT array_agg(told.user_id) FROM (SELECT user_id FROM changed LIMIT %(most)s) AS told)
FROM changed;
