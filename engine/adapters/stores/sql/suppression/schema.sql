-- A row an address and list; what was removed stays, not active, so that readers learn of it by its version.
CREATE TABLE suppression (
    tenant  TEXT NOT NULL,
    address TEXT NOT NULL,                -- in normal form
    list    TEXT NOT NULL,                -- empty: every list
    reason  TEXT NOT NULL,
    source  TEXT NOT NULL,
    at      INTEGER NOT NULL,             -- UTC microseconds
    active  INTEGER NOT NULL,
    version INTEGER NOT NULL,             -- of the change that made the row what it is
    PRIMARY KEY (tenant, address, list)
) WITHOUT ROWID;
CREATE INDEX suppression_version ON suppression (version);

CREATE TABLE version (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
);
INSERT INTO version VALUES (1, 0);
