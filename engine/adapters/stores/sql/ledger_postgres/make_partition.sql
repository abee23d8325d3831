INSERT INTO mailray.partition (run, number) VALUES (%(run)s, %(partition)s) ON CONFLICT DO NOTHING
