-- What came back, a row an event. An event that is told again has the same id.
CREATE TABLE mailray.feedback (
    tenant   text NOT NULL COLLATE "C",
    id       text NOT NULL COLLATE "C",
    kind     text NOT NULL,
    source   text NOT NULL,
    at       bigint NOT NULL,             -- UTC microseconds
    key      bytea,                       -- the message's delivery key, where it is known
    address  text COLLATE "C",            -- in normal form, where it is known
    campaign text,
    status   text NOT NULL,
    detail   text NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX feedback_soft ON mailray.feedback (tenant, address, at) WHERE kind = 'soft';
CREATE INDEX feedback_campaign ON mailray.feedback (tenant, campaign, kind);
CREATE INDEX feedback_key ON mailray.feedback (tenant, key, at) WHERE key IS NOT NULL;
