-- Gives how many were not settled before.
WITH done AS (
    UPDATE mailray.workflow_effects SET settled = true
    WHERE tenant = %(tenant)s AND name = ANY(%(names)s::text[]) AND NOT settled
    RETURNING execution_id, kind
), freed AS (
    UPDATE mailray.workflow_executions AS known SET updates = known.updates - each.number
    FROM (SELECT execution_id, count(*) AS number FROM done WHERE kind = 'update' GROUP BY execution_id) AS each
    WHERE known.tenant = %(tenant)s AND known.execution_id = each.execution_id
)
SELECT count(*) FROM done;
