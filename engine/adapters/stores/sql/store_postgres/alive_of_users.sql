-- Each with whether it is free.
SELECT execution_id, user_id, lease_until <= %(now)s AND updates = 0 AS free
FROM mailray.workflow_executions
WHERE tenant = %(tenant)s AND workflow_id = %(workflow)s AND user_id = ANY(%(ids)s::text[])
    AND status IN ('ready', 'waiting')
ORDER BY execution_id
FOR UPDATE;
