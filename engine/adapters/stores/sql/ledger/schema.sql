-- One file a partition. Numbers of states and reasons: engine/ledger/states.py.
CREATE TABLE lease (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    epoch       INTEGER NOT NULL,
    owner       TEXT NOT NULL,
    lease_until INTEGER NOT NULL,         -- UTC microseconds
    batches     INTEGER NOT NULL,         -- there were so many when the lease was last moved
    checksum    INTEGER NOT NULL          -- of the last of them
);
INSERT INTO lease VALUES (1, 0, '', 0, 0, 0);

CREATE TABLE plan (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    messages   INTEGER NOT NULL,
    planned_at INTEGER NOT NULL,
    digest     BLOB NOT NULL,             -- of all keys in order
    keys       BLOB NOT NULL              -- delivery keys, 16 octets each
);

CREATE TABLE batch (
    number   INTEGER PRIMARY KEY,
    epoch    INTEGER NOT NULL,
    checksum INTEGER NOT NULL,            -- CRC-32 of records and texts, chained to the batch before
    records  BLOB NOT NULL,               -- entries: engine/ledger/packing.py
    texts    BLOB NOT NULL
);
