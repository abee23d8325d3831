UPDATE workflow_executions AS known SET lease_until = 0
FROM temp.incoming_executions AS given
WHERE known.tenant = ?1 AND known.execution_id = given.execution_id AND known.claim = given.claim;
