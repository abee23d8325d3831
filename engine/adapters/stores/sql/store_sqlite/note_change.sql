INSERT INTO changes (tenant, version, user_ids) VALUES (?1, ?2, ?3);
