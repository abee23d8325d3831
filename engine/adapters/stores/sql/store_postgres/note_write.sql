INSERT INTO mailray.store_writes (tenant, run, step, key, at)
VALUES (%(tenant)s, %(run)s, %(step)s, %(key)s, %(version)s)
ON CONFLICT DO NOTHING
RETURNING at;
