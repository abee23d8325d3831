-- The first of each workflow and kind, and of those the first.
SELECT found.name
FROM (SELECT DISTINCT value FROM json_each(?4)) AS workflow
CROSS JOIN (SELECT DISTINCT value FROM json_each(?3)) AS kind
CROSS JOIN workflow_effects AS found ON found.tenant = ?1 AND found.name IN (
    SELECT name
    FROM workflow_effects AS open
    WHERE open.tenant = ?1 AND open.workflow = workflow.value AND open.kind = kind.value AND settled = 0
        AND lease_until <= ?2
    ORDER BY at, name
    LIMIT ?5
)
ORDER BY found.at, found.name
LIMIT ?5;
