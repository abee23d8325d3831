SELECT workflow, version
FROM mailray.workflow_definitions
WHERE tenant = %(tenant)s
ORDER BY workflow, version;
