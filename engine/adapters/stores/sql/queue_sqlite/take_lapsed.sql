SELECT item_id, tenant, workflow, priority, user_id, arrived, payload, CAST(position AS TEXT) FROM item
WHERE tenant = ?1 AND workflow = ?2 AND since > -1e18 AND since <= ?3 ORDER BY position LIMIT ?4;
