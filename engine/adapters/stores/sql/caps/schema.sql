-- A row a message that was sent of late, or for which a place is reserved.
CREATE TABLE reservation (
    key       BLOB PRIMARY KEY,           -- delivery key, 16 bytes
    recipient BLOB NOT NULL,              -- digest of tenant and address
    at        INTEGER NOT NULL,           -- the latest instant at which it was, or will be, sent: UTC microseconds
    holder    TEXT NOT NULL               -- run and partition; empty once it is settled
) WITHOUT ROWID;
CREATE INDEX reservation_recipient ON reservation (recipient, at);
CREATE INDEX reservation_holder ON reservation (holder) WHERE holder <> '';

-- What was used of a daily allowance.
CREATE TABLE allowance (
    name TEXT NOT NULL,
    day  INTEGER NOT NULL,                -- UTC days since 1970-01-01
    used INTEGER NOT NULL,
    PRIMARY KEY (name, day)
) WITHOUT ROWID;
