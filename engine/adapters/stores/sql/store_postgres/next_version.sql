-- By the clock where that is later: after a failover that has lost changes, no number is given a second time.
INSERT INTO mailray.store_latest AS latest (tenant, number, forgotten, highest)
VALUES (%(tenant)s, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, 0, %(sequence)s)
ON CONFLICT (tenant) DO UPDATE SET
    number = greatest(latest.number + 1, excluded.number),
    highest = greatest(latest.highest, excluded.highest)
RETURNING number, highest;
