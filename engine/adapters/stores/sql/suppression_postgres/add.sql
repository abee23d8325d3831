-- Of an address that comes twice the first counts.
INSERT INTO mailray.suppression AS known (tenant, address, list, reason, source, at, active, version)
SELECT DISTINCT ON (address, list) %(tenant)s, address, list, reason, source, at, true, %(version)s
FROM unnest(%(address)s::text[], %(list)s::text[], %(reason)s::text[], %(source)s::text[], %(at)s::bigint[])
    WITH ORDINALITY AS given (address, list, reason, source, at, number)
ORDER BY address, list, number
ON CONFLICT (tenant, address, list) DO UPDATE
SET reason = excluded.reason, source = excluded.source, at = excluded.at, active = true, version = excluded.version
WHERE NOT known.active;
