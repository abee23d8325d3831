INSERT INTO item (item_id, tenant, workflow, priority, user_id, arrived, payload) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant, item_id) DO NOTHING;
