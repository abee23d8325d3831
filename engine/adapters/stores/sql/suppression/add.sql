INSERT INTO suppression (tenant, address, list, reason, source, at, active, version)
VALUES (?, ?, ?, ?, ?, ?, 1, ?)
ON CONFLICT (tenant, address, list) DO UPDATE
SET reason = excluded.reason, source = excluded.source, at = excluded.at, active = 1, version = excluded.version
WHERE active = 0;
