-- One file a partition. Numbers of states and reasons: engine/ledger/states.py.
CREATE TABLE lease (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    epoch       INTEGER NOT NULL,
    owner       TEXT NOT NULL,
    lease_until INTEGER NOT NULL          -- UTC microseconds
);
INSERT INTO lease VALUES (1, 0, '', 0);

CREATE TABLE plan (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    messages   INTEGER NOT NULL,
    planned_at INTEGER NOT NULL,
    digest     BLOB NOT NULL              -- of all keys in order
);

CREATE TABLE message (
    outbox_row INTEGER PRIMARY KEY,
    key        BLOB NOT NULL              -- delivery key, 16 bytes
);

CREATE TABLE entry (
    seq        INTEGER PRIMARY KEY,
    outbox_row INTEGER NOT NULL,
    state      INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    at         INTEGER NOT NULL,          -- UTC microseconds
    reason     INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,          -- UTC microseconds, 0: none
    code       INTEGER NOT NULL,          -- SMTP or HTTP status, 0: none
    enhanced   TEXT NOT NULL,
    detail     TEXT NOT NULL,
    remote_id  TEXT NOT NULL
);

CREATE TABLE batch (
    number   INTEGER PRIMARY KEY,
    epoch    INTEGER NOT NULL,
    entries  INTEGER NOT NULL,
    checksum INTEGER NOT NULL             -- CRC-32 of its entries, chained to the batch before
);
