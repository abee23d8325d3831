-- Each time that an execution is named, one of its updates was settled.
UPDATE workflow_executions AS known SET updates = updates - settled.number
FROM (SELECT value AS execution_id, count(*) AS number FROM json_each(?2) GROUP BY value) AS settled
WHERE known.tenant = ?1 AND known.execution_id = settled.execution_id
    AND known.execution_id IN (SELECT value FROM json_each(?2));
