-- What came back, a row an event. An event that is told again has the same id.
CREATE TABLE event (
    tenant   TEXT NOT NULL,
    id       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    source   TEXT NOT NULL,
    at       INTEGER NOT NULL,            -- UTC microseconds
    key      BLOB,                        -- the message's delivery key, where it is known
    address  TEXT,                        -- in normal form, where it is known
    campaign TEXT,
    status   TEXT NOT NULL,
    detail   TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX event_soft ON event (tenant, address, at) WHERE kind = 'soft';
CREATE INDEX event_campaign ON event (tenant, campaign, kind);
CREATE INDEX event_key ON event (tenant, key) WHERE key IS NOT NULL;
