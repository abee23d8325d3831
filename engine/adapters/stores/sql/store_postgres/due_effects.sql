SELECT name
FROM mailray.workflow_effects
WHERE tenant = %(tenant)s AND NOT settled AND lease_until <= %(now)s
ORDER BY at, name
LIMIT %(most)s
FOR UPDATE SKIP LOCKED;
