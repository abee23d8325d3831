-- Without the index's name SQLite reads all of the tenant's rows for each key.
SELECT kind, source FROM event INDEXED BY event_key WHERE tenant = ? AND key = ? ORDER BY at LIMIT 1;
