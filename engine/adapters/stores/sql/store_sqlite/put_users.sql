-- A column that is not given has no sequence. Attributes of whoever has some of a later write are left to
-- `merge_attributes`.
INSERT INTO users AS known (
    tenant, user_id, email, first_name, subscription_status, time_zone, created_at, last_activity, attributes, version,
    email_sequence, first_name_sequence, subscription_status_sequence, time_zone_sequence, created_at_sequence,
    last_activity_sequence, attributes_sequence, latest_sequence, name_sequences
)
SELECT
    ?1, user_id, email, first_name, subscription_status, time_zone, created_at, last_activity,
    coalesce(attributes, '{}'), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, '{}'
FROM temp.incoming_users
WHERE true
ORDER BY user_id
ON CONFLICT (tenant, user_id) DO UPDATE SET (
    email, first_name, subscription_status, time_zone, created_at, last_activity, attributes, version,
    email_sequence, first_name_sequence, subscription_status_sequence, time_zone_sequence, created_at_sequence,
    last_activity_sequence, attributes_sequence, latest_sequence, name_sequences
) = (
    SELECT
        iif(new.has_email, excluded.email, known.email),
        iif(new.has_first_name, excluded.first_name, known.first_name),
        iif(new.has_subscription_status, excluded.subscription_status, known.subscription_status),
        iif(new.has_time_zone, excluded.time_zone, known.time_zone),
        iif(new.has_created_at, excluded.created_at, known.created_at),
        iif(new.has_last_activity, excluded.last_activity, known.last_activity),
        iif(new.has_attributes, excluded.attributes, known.attributes),
        CASE
            WHEN (new.has_email AND excluded.email IS NOT known.email)
                OR (new.has_first_name AND excluded.first_name IS NOT known.first_name)
                OR (new.has_subscription_status AND excluded.subscription_status IS NOT known.subscription_status)
                OR (new.has_time_zone AND excluded.time_zone IS NOT known.time_zone)
                OR (new.has_created_at AND excluded.created_at IS NOT known.created_at)
                OR (new.has_last_activity AND excluded.last_activity IS NOT known.last_activity)
                OR (new.has_attributes AND excluded.attributes IS NOT known.attributes)
            THEN excluded.version
            ELSE known.version
        END,
        iif(new.has_email, excluded.email_sequence, known.email_sequence),
        iif(new.has_first_name, excluded.first_name_sequence, known.first_name_sequence),
        iif(new.has_subscription_status, excluded.subscription_status_sequence, known.subscription_status_sequence),
        iif(new.has_time_zone, excluded.time_zone_sequence, known.time_zone_sequence),
        iif(new.has_created_at, excluded.created_at_sequence, known.created_at_sequence),
        iif(new.has_last_activity, excluded.last_activity_sequence, known.last_activity_sequence),
        iif(new.has_attributes, excluded.attributes_sequence, known.attributes_sequence),
        iif(new.has_attributes, excluded.latest_sequence, known.latest_sequence),
        iif(new.has_attributes, '{}', known.name_sequences)
    FROM (
        SELECT
            (known.email_sequence > excluded.email_sequence) IS NOT true
                AND excluded.email_sequence IS NOT NULL AS has_email,
            (known.first_name_sequence > excluded.first_name_sequence) IS NOT true
                AND excluded.first_name_sequence IS NOT NULL AS has_first_name,
            (known.subscription_status_sequence > excluded.subscription_status_sequence) IS NOT true
                AND excluded.subscription_status_sequence IS NOT NULL AS has_subscription_status,
            (known.time_zone_sequence > excluded.time_zone_sequence) IS NOT true
                AND excluded.time_zone_sequence IS NOT NULL AS has_time_zone,
            (known.created_at_sequence > excluded.created_at_sequence) IS NOT true
                AND excluded.created_at_sequence IS NOT NULL AS has_created_at,
            (known.last_activity_sequence > excluded.last_activity_sequence) IS NOT true
                AND excluded.last_activity_sequence IS NOT NULL AS has_last_activity,
            (known.latest_sequence > excluded.attributes_sequence) IS NOT true
                AND excluded.attributes_sequence IS NOT NULL AS has_attributes
    ) AS new
);
