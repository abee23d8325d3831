-- A row a message that was sent of late, or for which a place is reserved.
CREATE TABLE reservation (
    key       BLOB NOT NULL,              -- delivery key, 16 bytes
    holder    BLOB NOT NULL,              -- digest of run and partition: what two runs send under one key are two messages
    recipient BLOB NOT NULL,              -- digest of tenant and address
    at        INTEGER NOT NULL,           -- the latest instant at which it was, or will be, sent: UTC microseconds
    open      INTEGER NOT NULL,           -- whether it is not known yet what became of it
    PRIMARY KEY (key, holder)
) WITHOUT ROWID;
CREATE INDEX reservation_recipient ON reservation (recipient, at);
CREATE INDEX reservation_open ON reservation (holder) WHERE open;

-- What was used of a daily allowance.
CREATE TABLE allowance (
    name TEXT NOT NULL,
    day  INTEGER NOT NULL,                -- UTC days since 1970-01-01
    used INTEGER NOT NULL,
    PRIMARY KEY (name, day)
) WITHOUT ROWID;
