-- Whether the server replays another's log, whether it can be written, and how far its log is: bytes since the log began.
SELECT pg_is_in_recovery(),
       current_setting('transaction_read_only')::boolean,
       (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint;
