-- Numbers of states and reasons: engine/ledger/states.py. Instants are UTC microseconds.
CREATE SCHEMA IF NOT EXISTS mailray;

CREATE TABLE mailray.format (version integer NOT NULL);
INSERT INTO mailray.format VALUES (1);

CREATE TABLE mailray.run (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE mailray.partition (
    run         bigint NOT NULL REFERENCES mailray.run,
    number      integer NOT NULL,
    epoch       bigint NOT NULL DEFAULT 0,
    owner       text NOT NULL DEFAULT '',
    lease_until bigint NOT NULL DEFAULT 0,
    messages    integer,                    -- null: not planned yet
    planned_at  bigint,
    digest      bytea,                      -- of all keys in order
    batches     bigint NOT NULL DEFAULT 0,
    entries     bigint NOT NULL DEFAULT 0,
    checksum    bigint NOT NULL DEFAULT 0,  -- of the last batch
    PRIMARY KEY (run, number)
);

CREATE TABLE mailray.message (
    run        bigint NOT NULL,
    partition  integer NOT NULL,
    outbox_row integer NOT NULL,
    key        bytea NOT NULL,              -- delivery key, 16 bytes
    PRIMARY KEY (run, partition, outbox_row)
);

CREATE TABLE mailray.entry (
    run        bigint NOT NULL,
    partition  integer NOT NULL,
    seq        bigint NOT NULL,             -- from 1, without a gap
    outbox_row integer NOT NULL,
    state      smallint NOT NULL,
    attempt    integer NOT NULL,
    at         bigint NOT NULL,
    reason     smallint NOT NULL,
    next_at    bigint NOT NULL,             -- 0: none
    code       integer NOT NULL,            -- SMTP or HTTP status, 0: none
    enhanced   text NOT NULL,
    detail     text NOT NULL,
    remote_id  text NOT NULL,
    PRIMARY KEY (run, partition, seq)
);

CREATE TABLE mailray.batch (
    run       bigint NOT NULL,
    partition integer NOT NULL,
    number    bigint NOT NULL,              -- from 1, without a gap
    epoch     bigint NOT NULL,
    entries   integer NOT NULL,
    checksum  bigint NOT NULL,              -- CRC-32 of its entries, chained to the batch before
    PRIMARY KEY (run, partition, number)
);
