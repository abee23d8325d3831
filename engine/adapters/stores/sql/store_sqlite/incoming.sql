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
CREATE TEMP TABLE incoming_executions (
    execution_id TEXT, workflow TEXT, version TEXT, user_id TEXT, "trigger" TEXT, state TEXT, step TEXT,
    occurrence INTEGER, retry_count INTEGER, moves INTEGER, claim INTEGER, seen INTEGER, entered_at INTEGER,
    arrived_at INTEGER, due INTEGER, until INTEGER, awaits TEXT, goal_at INTEGER, ended_at INTEGER, error TEXT,
    context TEXT
);
CREATE TEMP TABLE incoming_history (
    execution_id TEXT, move INTEGER, at INTEGER, step TEXT, type TEXT, occurrence INTEGER, attempt INTEGER,
    outcome TEXT, output TEXT, error TEXT, stood_us INTEGER, lag_us INTEGER, work_us REAL
);
CREATE TEMP TABLE incoming_effects (
    name TEXT, kind TEXT, execution_id TEXT, workflow TEXT, user_id TEXT, step TEXT, occurrence TEXT,
    at INTEGER, payload TEXT
);
CREATE TEMP TABLE incoming_entries (
    execution_id TEXT, workflow TEXT, version TEXT, user_id TEXT, "trigger" TEXT, step TEXT, at INTEGER,
    context TEXT
);
CREATE TEMP TABLE incoming_measured (
    execution_id TEXT, database_query_time_ms REAL, template_render_time_ms REAL, email_send_time_ms REAL,
    total_memory_mb REAL, cpu_usage_percent REAL
);
