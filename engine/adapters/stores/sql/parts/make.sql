-- What is kept in this database beside the ledger, each part with a format of its own.
CREATE SCHEMA IF NOT EXISTS mailray;
CREATE TABLE IF NOT EXISTS mailray.part (
    name    text PRIMARY KEY,
    version integer NOT NULL
);
