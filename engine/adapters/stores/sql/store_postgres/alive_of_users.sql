-- Each with whether it is free: under no lease, or under that of an owner who is gone.
SELECT execution_id, user_id, updates = 0 AND (lease_until <= %(now)s OR owner = ANY(%(gone)s::text[])) AS free
FROM mailray.workflow_executions
WHERE tenant = %(tenant)s AND workflow_id = %(workflow)s AND user_id = ANY(%(ids)s::text[])
    AND status IN ('ready', 'waiting')
ORDER BY execution_id
FOR UPDATE;
