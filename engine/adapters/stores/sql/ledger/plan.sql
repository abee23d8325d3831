INSERT INTO plan (id, messages, planned_at, digest) VALUES (1, ?, ?, ?);
