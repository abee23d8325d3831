-- What a write brings, before it is laid over what is there.
CREATE TEMP TABLE incoming_users (
    user_id TEXT, email TEXT, first_name TEXT, subscription_status TEXT, time_zone TEXT,
    created_at INTEGER, last_activity INTEGER, attributes TEXT
);
CREATE TEMP TABLE incoming_attributes (
    user_id TEXT, attributes TEXT, name_sequences TEXT, attributes_sequence INTEGER, latest_sequence INTEGER
);
CREATE TEMP TABLE incoming_memberships (
    user_id TEXT, segment_type TEXT, segment_value TEXT, active INTEGER, created_at INTEGER
);
CREATE TEMP TABLE incoming_events (
    event_id TEXT, user_id TEXT, event_type TEXT, event_time INTEGER, campaign_id TEXT, properties TEXT
);
