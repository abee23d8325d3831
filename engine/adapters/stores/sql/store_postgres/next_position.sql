-- Room for so many events. By the clock where that is later: after a failover that has lost events, no position is
-- given a second time.
INSERT INTO mailray.store_latest_event AS latest (tenant, number)
VALUES (%(tenant)s, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + %(rows)s)
ON CONFLICT (tenant) DO UPDATE SET number = greatest(latest.number + %(rows)s, excluded.number)
RETURNING number;
