-- A row an item that is not done; `position` is the order of arrival and its ticket.
CREATE TABLE item (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    item_id  TEXT NOT NULL,
    tenant   TEXT NOT NULL,
    workflow TEXT NOT NULL,
    priority TEXT NOT NULL,
    user_id  TEXT NOT NULL,
    arrived  INTEGER NOT NULL,            -- UTC microseconds
    payload  TEXT,
    since    REAL NOT NULL DEFAULT -1e18  -- when it was taken or held last: UTC seconds
);
CREATE UNIQUE INDEX item_name ON item (tenant, item_id);
CREATE INDEX item_order ON item (tenant, workflow, since, position);

CREATE TABLE depth (
    tenant   TEXT NOT NULL,
    priority TEXT NOT NULL,
    items    INTEGER NOT NULL,
    PRIMARY KEY (tenant, priority)
) WITHOUT ROWID;
CREATE TRIGGER item_came AFTER INSERT ON item BEGIN
    INSERT INTO depth (tenant, priority, items) VALUES (new.tenant, new.priority, 1)
    ON CONFLICT (tenant, priority) DO UPDATE SET items = items + 1;
END;
CREATE TRIGGER item_went AFTER DELETE ON item BEGIN
    UPDATE depth SET items = items - 1 WHERE tenant = old.tenant AND priority = old.priority;
END;
