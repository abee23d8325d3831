INSERT INTO mailray.store_changes (tenant, version, user_ids) VALUES (%(tenant)s, %(version)s, %(users)s::text[]);
