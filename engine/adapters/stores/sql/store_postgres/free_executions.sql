UPDATE mailray.workflow_executions SET lease_until = 0
WHERE tenant = %(tenant)s AND status IN ('ready', 'waiting') AND lease_until > 0 AND lease_until <= %(until)s;
