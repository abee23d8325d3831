INSERT INTO mailray.workflow_definitions (tenant, workflow, version, definition)
VALUES (%(tenant)s, %(workflow)s, %(version)s, %(definition)s)
ON CONFLICT DO NOTHING;
