-- In one order for all, so that two who want the same recipients wait and do not block each other.
INSERT INTO mailray.cap_recipient AS known (tenant, recipient, until)
SELECT DISTINCT %(tenant)s, recipient, %(until)s::bigint FROM unnest(%(recipient)s::bytea[]) AS given (recipient)
ORDER BY recipient
ON CONFLICT (tenant, recipient) DO UPDATE SET until = greatest(known.until, excluded.until);
