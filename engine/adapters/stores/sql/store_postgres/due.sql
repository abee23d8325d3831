SELECT execution_id
FROM mailray.workflow_executions
WHERE tenant = %(tenant)s AND status IN ('ready', 'waiting') AND due <= %(at)s
    AND lease_until <= %(now)s AND updates = 0
ORDER BY due, execution_id
LIMIT %(most)s
FOR UPDATE SKIP LOCKED;
