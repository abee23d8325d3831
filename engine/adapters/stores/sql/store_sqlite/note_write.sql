INSERT INTO writes (tenant, run, step, key, at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT DO NOTHING
RETURNING at;
