UPDATE mailray.workflow_executions SET claim = claim + 1, lease_until = %(until)s, owner = %(owner)s
WHERE tenant = %(tenant)s AND execution_id = ANY(%(ids)s::text[]);
