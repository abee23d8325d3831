INSERT OR IGNORE INTO event (tenant, id, kind, source, at, key, address, campaign, status, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
