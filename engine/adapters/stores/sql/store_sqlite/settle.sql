UPDATE workflow_effects SET settled = 1
WHERE tenant = ?1 AND settled = 0 AND name IN (SELECT value FROM json_each(?2))
RETURNING iif(kind = 'update', execution_id, NULL);
