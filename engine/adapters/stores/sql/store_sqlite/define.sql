INSERT INTO workflow_definitions (tenant, workflow, version, definition)
VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO NOTHING;
