SELECT version, status AS state, step, count(*) AS executions
FROM mailray.workflow_executions
WHERE tenant = %(tenant)s AND workflow_id = %(workflow)s
GROUP BY version, status, step
ORDER BY version, status, step;
