-- Gives how many people have changed, and who: not more than `most` of them.
WITH laid AS (
    UPDATE mailray.users AS known SET (attributes, name_sequences, latest_sequence, version) = (
        SELECT
            new.attributes,
            known.name_sequences || new.sequences,
            greatest(known.latest_sequence, %(sequence)s),
            CASE WHEN new.attributes = known.attributes THEN known.version ELSE %(version)s END
        FROM (
            SELECT
                CASE
                    WHEN %(nulls)s THEN (known.attributes || cells.written) - ARRAY(
                        SELECT each.key FROM jsonb_each(cells.written) AS each WHERE each.value = 'null'
                    )
                    ELSE known.attributes || cells.written
                END AS attributes,
                (
                    SELECT coalesce(jsonb_object_agg(names.key, %(sequence)s::bigint), '{}')
                    FROM jsonb_object_keys(cells.written) AS names (key)
                ) AS sequences
            FROM (
                SELECT
                    CASE
                        WHEN known.latest_sequence > %(sequence)s THEN (
                            SELECT coalesce(jsonb_object_agg(each.key, each.value), '{}')
                            FROM jsonb_each(given.attributes) AS each
                            WHERE coalesce(
                                (known.name_sequences ->> each.key)::bigint, known.attributes_sequence, %(sequence)s
                            ) <= %(sequence)s
                        )
                        ELSE given.attributes
                    END AS written
                OFFSET 0
            ) AS cells
            OFFSET 0
        ) AS new
    )
    FROM (
        SELECT user_id, coalesce(attributes::jsonb, '{}') AS attributes FROM pg_temp.incoming_attributes OFFSET 0
    ) AS given
    WHERE known.tenant = %(tenant)s AND known.user_id = given.user_id
    RETURNING known.user_id, known.version
), changed AS (
    SELECT user_id FROM laid WHERE version = %(version)s
)
SELECT
    count(*),
    (SELECT array_agg(told.user_id) FROM (SELECT user_id FROM changed LIMIT %(most)s) AS told)
FROM changed;
