-- Gives how many are new.
WITH put AS (
    INSERT INTO mailray.email_events
        (tenant, position, event_id, user_id, event_type, event_time, campaign_id, properties)
    SELECT
        %(tenant)s, %(last)s - %(rows)s + place, event_id, user_id, event_type, event_time, campaign_id,
        properties::jsonb
    FROM pg_temp.incoming_events
    ORDER BY place
    ON CONFLICT (tenant, event_id) DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM put;
