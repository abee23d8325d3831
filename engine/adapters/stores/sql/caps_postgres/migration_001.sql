-- A row a recipient who was mailed of late: whoever reserves for a recipient locks it, and sees what the one before has reserved.
CREATE TABLE mailray.cap_recipient (
    tenant    text NOT NULL COLLATE "C",
    recipient bytea NOT NULL,             -- digest of tenant and address
    until     bigint NOT NULL,            -- the end of the latest reservation: UTC microseconds
    PRIMARY KEY (tenant, recipient)
) WITH (fillfactor = 80);
CREATE INDEX cap_recipient_until ON mailray.cap_recipient (tenant, until);

-- A row a message that was sent of late, or for which a place is reserved.
CREATE TABLE mailray.cap_reservation (
    tenant    text NOT NULL COLLATE "C",
    key       bytea NOT NULL,             -- delivery key, 16 bytes
    holder    bytea NOT NULL,             -- digest of run and partition: what two runs send under one key are two messages
    recipient bytea NOT NULL,
    at        bigint NOT NULL,            -- the latest instant at which it was, or will be, sent: UTC microseconds
    open      boolean NOT NULL,           -- whether it is not known yet what became of it
    PRIMARY KEY (tenant, key, holder)
);
CREATE INDEX cap_reservation_recipient ON mailray.cap_reservation (tenant, recipient, at);
CREATE INDEX cap_reservation_open ON mailray.cap_reservation (tenant, holder) WHERE open;
CREATE INDEX cap_reservation_at ON mailray.cap_reservation (tenant, at);

-- What was used of a daily allowance.
CREATE TABLE mailray.allowance (
    tenant text NOT NULL COLLATE "C",
    name   text NOT NULL COLLATE "C",
    day    integer NOT NULL,              -- UTC days since 1970-01-01
    used   bigint NOT NULL,
    PRIMARY KEY (tenant, name, day)
);
