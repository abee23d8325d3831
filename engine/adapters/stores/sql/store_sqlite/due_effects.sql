SELECT name
FROM workflow_effects
WHERE tenant = ?1 AND settled = 0 AND lease_until <= ?2
ORDER BY at, name
LIMIT ?3;
