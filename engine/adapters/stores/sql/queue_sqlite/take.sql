SELECT item_id, tenant, workflow, priority, user_id, arrived, payload, CAST(position AS TEXT) FROM item
WHERE priority = ? AND since <= ? ORDER BY position LIMIT ?;
