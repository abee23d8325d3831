INSERT INTO plan (id, messages, planned_at, digest, keys) VALUES (1, ?, ?, ?, ?);
