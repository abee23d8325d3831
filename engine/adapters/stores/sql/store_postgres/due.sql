-- The first of each workflow, and of those the first.
SELECT found.execution_id
FROM (SELECT DISTINCT unnest(%(workflows)s::text[]) AS workflow) AS asked
CROSS JOIN LATERAL (
    SELECT execution_id, due
    FROM mailray.workflow_executions
    WHERE tenant = %(tenant)s AND workflow_id = asked.workflow AND status IN ('ready', 'waiting') AND updates = 0
        AND due <= %(at)s AND lease_until <= %(now)s
    ORDER BY due, execution_id
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
) AS found
ORDER BY found.due, found.execution_id
LIMIT %(most)s;
