-- Who is known. A cell's sequence is that of the write it holds; null: nobody has written it.
CREATE TABLE mailray.users (
    tenant              text NOT NULL COLLATE "C",
    user_id             text NOT NULL COLLATE "C",
    email               text,
    first_name          text,
    subscription_status text COLLATE "C",
    time_zone           text,
    created_at          timestamptz,
    last_activity       timestamptz,
    attributes          jsonb NOT NULL,
    version             bigint NOT NULL,  -- of the latest change

    email_sequence               bigint,
    first_name_sequence          bigint,
    subscription_status_sequence bigint,
    time_zone_sequence           bigint,
    created_at_sequence          bigint,
    last_activity_sequence       bigint,
    attributes_sequence          bigint,          -- of the latest replacement: of what the next one does not name
    name_sequences               jsonb NOT NULL,  -- sequences by attribute
    latest_sequence              bigint,          -- the highest of the two columns before

    PRIMARY KEY (tenant, user_id)
) WITH (fillfactor = 50);  -- room for every row's next version on its own page: then no index is touched
CREATE INDEX idx_users_workflow_data ON mailray.users
    (tenant, subscription_status, last_activity DESC, user_id) INCLUDE (email, first_name);

-- Who is, or was, in which segment.
CREATE TABLE mailray.user_segments (
    tenant        text NOT NULL COLLATE "C",
    user_id       text NOT NULL COLLATE "C",
    segment_type  text NOT NULL COLLATE "C",
    segment_value text NOT NULL COLLATE "C",
    active        boolean NOT NULL,
    created_at    timestamptz NOT NULL,
    sequence      bigint NOT NULL,
    version       bigint NOT NULL,
    PRIMARY KEY (tenant, user_id, segment_type, segment_value)
);
CREATE INDEX idx_user_segments ON mailray.user_segments
    (tenant, user_id, segment_type, segment_value, created_at) WHERE active;

-- What happened, in the order of arrival.
CREATE TABLE mailray.email_events (
    tenant      text NOT NULL COLLATE "C",
    position    bigint NOT NULL,
    event_id    text NOT NULL COLLATE "C",
    user_id     text NOT NULL COLLATE "C",
    event_type  text NOT NULL COLLATE "C",
    event_time  timestamptz NOT NULL,
    campaign_id text,
    properties  jsonb,
    PRIMARY KEY (tenant, position),
    UNIQUE (tenant, event_id)
);
CREATE INDEX idx_email_engagement ON mailray.email_events (tenant, user_id, event_type, event_time, campaign_id);

-- Which writes are done.
CREATE TABLE mailray.store_writes (
    tenant text NOT NULL COLLATE "C",
    run    text NOT NULL COLLATE "C",
    step   text NOT NULL COLLATE "C",
    key    text NOT NULL COLLATE "C",
    at     bigint NOT NULL,
    PRIMARY KEY (tenant, run, step, key)
);
CREATE INDEX store_writes_at ON mailray.store_writes (tenant, at);

-- The latest version, and the latest one whose changes are no longer told. Whoever writes locks the row until the
-- commit, so that versions become visible in their order.
CREATE TABLE mailray.store_latest (
    tenant    text PRIMARY KEY COLLATE "C",
    number    bigint NOT NULL,
    forgotten bigint NOT NULL,
    highest   bigint NOT NULL  -- of the sequences of all writes
);

-- The latest position of an event, for the same reason.
CREATE TABLE mailray.store_latest_event (
    tenant text PRIMARY KEY COLLATE "C",
    number bigint NOT NULL
);

-- Whom the changes of late concerned.
CREATE TABLE mailray.store_changes (
    tenant   text NOT NULL COLLATE "C",
    version  bigint NOT NULL,
    user_ids text[] NOT NULL,
    PRIMARY KEY (tenant, version)
);
