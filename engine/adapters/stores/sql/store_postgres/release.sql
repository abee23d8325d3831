UPDATE mailray.workflow_executions AS known SET lease_until = 0
FROM unnest(%(ids)s::text[], %(claims)s::bigint[]) AS given (execution_id, claim)
WHERE known.tenant = %(tenant)s AND known.execution_id = ANY(%(ids)s::text[])
    AND known.execution_id = given.execution_id AND known.claim = given.claim;
