UPDATE mailray.workflow_executions AS known SET lease_until = 0
FROM pg_temp.incoming_executions AS given
WHERE known.tenant = %(tenant)s AND known.execution_id = given.execution_id AND known.claim = given.claim;
