-- Where each planned message stands, by its delivery key. All of it can be made again from the runs' folders.
CREATE TABLE batch (
    id        INTEGER PRIMARY KEY,
    run       TEXT NOT NULL,              -- the name of the run's folder
    partition INTEGER NOT NULL,
    UNIQUE (run, partition)
);
CREATE TABLE delivery (
    key     BLOB PRIMARY KEY,
    message INTEGER NOT NULL,             -- the first 8 bytes of its Message-ID's left side, hashed
    batch   INTEGER NOT NULL REFERENCES batch (id),
    row     INTEGER NOT NULL              -- in the partition's outbox
) WITHOUT ROWID;
CREATE INDEX delivery_message ON delivery (message);
