INSERT INTO mailray.cap_reservation (tenant, key, holder, recipient, at, open)
SELECT %(tenant)s, key, %(holder)s, recipient, %(until)s, true
FROM unnest(%(key)s::bytea[], %(recipient)s::bytea[]) AS given (key, recipient)
ON CONFLICT (tenant, key, holder) DO UPDATE SET at = excluded.at, open = true;
