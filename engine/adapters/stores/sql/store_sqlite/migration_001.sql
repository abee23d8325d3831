-- Who is known. A cell's sequence is that of the write it holds; null: nobody has written it.
CREATE TABLE users (
    tenant              TEXT NOT NULL,
    user_id             TEXT NOT NULL,
    email               TEXT,
    first_name          TEXT,
    subscription_status TEXT,
    time_zone           TEXT,
    created_at          INTEGER,           -- instants are UTC microseconds
    last_activity       INTEGER,
    attributes          TEXT NOT NULL,     -- a JSON object
    version             INTEGER NOT NULL,  -- of the latest change

    email_sequence               INTEGER,
    first_name_sequence          INTEGER,
    subscription_status_sequence INTEGER,
    time_zone_sequence           INTEGER,
    created_at_sequence          INTEGER,
    last_activity_sequence       INTEGER,
    attributes_sequence          INTEGER,        -- of the latest replacement: of what the next one does not name
    name_sequences               TEXT NOT NULL,  -- a JSON object of sequences by attribute
    latest_sequence              INTEGER,        -- the highest of the two columns before

    PRIMARY KEY (tenant, user_id)
) WITHOUT ROWID;
CREATE INDEX idx_users_workflow_data ON users
    (tenant, subscription_status, last_activity DESC, user_id, email, first_name);

-- Who is, or was, in which segment.
CREATE TABLE user_segments (
    tenant        TEXT NOT NULL,
    user_id       TEXT NOT NULL,
    segment_type  TEXT NOT NULL,
    segment_value TEXT NOT NULL,
    active        INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    sequence      INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id, segment_type, segment_value)
) WITHOUT ROWID;
CREATE INDEX idx_user_segments ON user_segments
    (tenant, user_id, segment_type, segment_value, created_at) WHERE active = 1;

-- What happened, in the order of arrival.
CREATE TABLE email_events (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant      TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    event_time  INTEGER NOT NULL,
    campaign_id TEXT,
    properties  TEXT,
    UNIQUE (tenant, event_id)
);
CREATE INDEX idx_email_engagement ON email_events (tenant, user_id, event_type, event_time, campaign_id);
CREATE INDEX idx_email_arrival ON email_events (tenant, position);

-- Which writes are done.
CREATE TABLE writes (
    tenant TEXT NOT NULL,
    run    TEXT NOT NULL,
    step   TEXT NOT NULL,
    key    TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (tenant, run, step, key)
) WITHOUT ROWID;
CREATE INDEX idx_writes_at ON writes (tenant, at);

-- The latest version, and the latest one whose changes are no longer told.
CREATE TABLE latest (
    tenant    TEXT PRIMARY KEY,
    number    INTEGER NOT NULL,
    forgotten INTEGER NOT NULL
) WITHOUT ROWID;

-- Whom the changes of late concerned.
CREATE TABLE changes (
    tenant   TEXT NOT NULL,
    version  INTEGER NOT NULL,
    user_ids TEXT NOT NULL,  -- a JSON array
    PRIMARY KEY (tenant, version)
) WITHOUT ROWID;
