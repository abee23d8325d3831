INSERT INTO mailray.workflow_marks (tenant, name, value) VALUES (%(tenant)s, %(name)s, %(value)s)
ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value;
