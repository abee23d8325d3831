-- In one order for all, so that two who put the same items wait and do not block each other.
INSERT INTO mailray.queue_item (item_id, tenant, workflow, priority, user_id, arrived, payload)
SELECT item_id, tenant, workflow, priority, user_id, arrived, payload FROM unnest(
    %(item_id)s::text[], %(tenant)s::text[], %(workflow)s::text[], %(priority)s::text[], %(user_id)s::text[],
    %(arrived)s::bigint[], %(payload)s::text[]
) WITH ORDINALITY AS given (item_id, tenant, workflow, priority, user_id, arrived, payload, place)
ORDER BY place
ON CONFLICT (tenant, item_id) DO NOTHING;
