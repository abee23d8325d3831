-- The first of each workflow and kind, and of those the first.
SELECT found.name
FROM (SELECT DISTINCT unnest(%(workflows)s::text[]) AS workflow) AS asked
CROSS JOIN (SELECT DISTINCT unnest(%(kinds)s::text[]) AS kind) AS wanted
CROSS JOIN LATERAL (
    SELECT name, at
    FROM mailray.workflow_effects AS open
    WHERE open.tenant = %(tenant)s AND open.workflow = asked.workflow AND open.kind = wanted.kind AND NOT open.settled
        AND open.lease_until <= %(now)s
    ORDER BY at, name
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
) AS found
ORDER BY found.at, found.name
LIMIT %(most)s;
