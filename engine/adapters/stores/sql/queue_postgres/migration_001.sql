-- A row an item that is not done; `position` is the order of arrival and its ticket.
CREATE TABLE mailray.queue_item (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id  text NOT NULL COLLATE "C",
    tenant   text NOT NULL COLLATE "C",
    workflow text NOT NULL COLLATE "C",
    priority text NOT NULL COLLATE "C",
    user_id  text NOT NULL,
    arrived  bigint NOT NULL,             -- UTC microseconds
    payload  text,
    since    timestamptz NOT NULL DEFAULT '-infinity'  -- when it was taken or held last, by the database's clock
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX queue_item_name ON mailray.queue_item (tenant, item_id);
CREATE INDEX queue_item_order ON mailray.queue_item (tenant, workflow, since, position);
