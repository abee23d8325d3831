-- A column that is not given has no sequence. Gives how many rows have changed, and whose they are: not more than
-- `most`.
WITH put AS (
    INSERT INTO mailray.users AS known (
        tenant, user_id, email, first_name, subscription_status, time_zone, created_at, last_activity, attributes,
        version, email_sequence, first_name_sequence, subscription_status_sequence, time_zone_sequence,
        created_at_sequence, last_activity_sequence, attributes_sequence, latest_sequence, name_sequences
    )
    SELECT
        %(tenant)s, given.user_id, given.email, given.first_name, given.subscription_status, given.time_zone,
        given.created_at, given.last_activity,
        CASE
            WHEN given.attributes IS NULL THEN '{}'
            WHEN %(nulls)s AND jsonb_path_exists(given.attributes, 'strict $.* ? (@ == null)') THEN (
                SELECT coalesce(jsonb_object_agg(each.key, each.value), '{}')
                FROM jsonb_each(given.attributes) AS each WHERE each.value <> 'null'
            )
            ELSE given.attributes
        END,
        %(version)s, %(email)s::bigint, %(first_name)s::bigint, %(subscription_status)s::bigint, %(time_zone)s::bigint,
        %(created_at)s::bigint, %(last_activity)s::bigint, %(attributes)s::bigint, %(attributes)s::bigint, '{}'
    FROM (
        SELECT
            user_id, email, first_name, subscription_status, time_zone, created_at, last_activity,
            attributes::jsonb AS attributes
        FROM pg_temp.incoming_users
        ORDER BY user_id
        OFFSET 0
    ) AS given
    ON CONFLICT (tenant, user_id) DO UPDATE SET (
        email, first_name, subscription_status, time_zone, created_at, last_activity, attributes, version,
        email_sequence, first_name_sequence, subscription_status_sequence, time_zone_sequence, created_at_sequence,
        last_activity_sequence, attributes_sequence, latest_sequence, name_sequences
    ) = (
        SELECT
            new.email, new.first_name, new.subscription_status, new.time_zone, new.created_at, new.last_activity,
            new.attributes,
            CASE
                WHEN new.email IS DISTINCT FROM known.email
                    OR new.first_name IS DISTINCT FROM known.first_name
                    OR new.subscription_status IS DISTINCT FROM known.subscription_status
                    OR new.time_zone IS DISTINCT FROM known.time_zone
                    OR new.created_at IS DISTINCT FROM known.created_at
                    OR new.last_activity IS DISTINCT FROM known.last_activity
                    OR new.attributes <> known.attributes
                THEN excluded.version
                ELSE known.version
            END,
            greatest(excluded.email_sequence, known.email_sequence),
            greatest(excluded.first_name_sequence, known.first_name_sequence),
            greatest(excluded.subscription_status_sequence, known.subscription_status_sequence),
            greatest(excluded.time_zone_sequence, known.time_zone_sequence),
            greatest(excluded.created_at_sequence, known.created_at_sequence),
            greatest(excluded.last_activity_sequence, known.last_activity_sequence),
            greatest(excluded.attributes_sequence, known.attributes_sequence),
            greatest(excluded.latest_sequence, known.latest_sequence),
            new.name_sequences
        FROM (
            SELECT
                CASE
                    WHEN known.email_sequence > %(email)s OR %(email)s IS NULL THEN known.email
                    ELSE excluded.email
                END AS email,
                CASE
                    WHEN known.first_name_sequence > %(first_name)s OR %(first_name)s IS NULL THEN known.first_name
                    ELSE excluded.first_name
                END AS first_name,
                CASE
                    WHEN known.subscription_status_sequence > %(subscription_status)s OR %(subscription_status)s IS NULL
                    THEN known.subscription_status
                    ELSE excluded.subscription_status
                END AS subscription_status,
                CASE
                    WHEN known.time_zone_sequence > %(time_zone)s OR %(time_zone)s IS NULL THEN known.time_zone
                    ELSE excluded.time_zone
                END AS time_zone,
                CASE
                    WHEN known.created_at_sequence > %(created_at)s OR %(created_at)s IS NULL THEN known.created_at
                    ELSE excluded.created_at
                END AS created_at,
                CASE
                    WHEN known.last_activity_sequence > %(last_activity)s OR %(last_activity)s IS NULL
                    THEN known.last_activity
                    ELSE excluded.last_activity
                END AS last_activity,
                CASE
                    WHEN %(attributes)s IS NULL THEN known.attributes
                    WHEN known.latest_sequence > %(attributes)s THEN (
                        SELECT coalesce(jsonb_object_agg(cell.key, cell.value), '{}')
                        FROM (
                            SELECT each.key, each.value
                            FROM jsonb_each(excluded.attributes) AS each
                            WHERE coalesce(
                                (known.name_sequences ->> each.key)::bigint, known.attributes_sequence, %(attributes)s
                            ) <= %(attributes)s
                            UNION ALL
                            SELECT each.key, each.value
                            FROM jsonb_each(known.attributes) AS each
                            WHERE coalesce(
                                (known.name_sequences ->> each.key)::bigint, known.attributes_sequence, %(attributes)s
                            ) > %(attributes)s
                        ) AS cell
                    )
                    ELSE excluded.attributes
                END AS attributes,
                CASE
                    WHEN %(attributes)s IS NULL THEN known.name_sequences
                    WHEN known.latest_sequence > %(attributes)s THEN (
                        SELECT coalesce(jsonb_object_agg(each.key, each.value), '{}')
                        FROM jsonb_each(known.name_sequences) AS each
                        WHERE each.value::bigint > %(attributes)s
                    )
                    ELSE '{}'
                END AS name_sequences
        ) AS new
    )
    RETURNING user_id, version
), changed AS (
    SELECT user_id FROM put WHERE version = %(version)s
)
SELECT
    count(*),
    (SELECT array_agg(told.user_id) FROM (SELECT user_id FROM changed LIMIT %(most)s) AS told)
FROM changed;
