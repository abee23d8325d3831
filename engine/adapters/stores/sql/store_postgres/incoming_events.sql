CREATE TEMP TABLE incoming_events (
    event_id text COLLATE "C", user_id text, event_type text, event_time timestamptz, campaign_id text, properties text,
    place bigint
) ON COMMIT DELETE ROWS;
