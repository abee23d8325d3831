SELECT name, kind, execution_id, workflow, user_id, step, occurrence, at, payload
FROM mailray.workflow_effects
WHERE tenant = %(tenant)s AND name = ANY(%(names)s::text[])
ORDER BY at, name;
