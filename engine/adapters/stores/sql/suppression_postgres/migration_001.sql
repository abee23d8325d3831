-- A row an address and list; what was removed stays, not active, so that readers learn of it by its version.
CREATE TABLE mailray.suppression (
    tenant  text NOT NULL COLLATE "C",
    address text NOT NULL COLLATE "C",    -- in normal form
    list    text NOT NULL COLLATE "C",    -- empty: every list
    reason  text NOT NULL,
    source  text NOT NULL,
    at      bigint NOT NULL,              -- UTC microseconds
    active  boolean NOT NULL,
    version bigint NOT NULL,              -- of the change that made the row what it is
    PRIMARY KEY (tenant, address, list)
);
CREATE INDEX suppression_version ON mailray.suppression (tenant, version);

-- The latest version. A change locks its row until it is committed, so that versions become visible in their order.
CREATE TABLE mailray.suppression_latest (
    tenant text PRIMARY KEY COLLATE "C",
    number bigint NOT NULL
);
