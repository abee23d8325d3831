UPDATE mailray.queue_item AS held SET since = clock_timestamp()
FROM (
    SELECT position FROM mailray.queue_item
    WHERE tenant = %(tenant)s AND workflow = %(workflow)s
        AND since > '-infinity' AND since <= clock_timestamp() - make_interval(secs => %(lapse)s)
    ORDER BY position LIMIT %(most)s FOR UPDATE SKIP LOCKED
) AS free WHERE held.position = free.position
RETURNING held.item_id, held.tenant, held.workflow, held.priority, held.user_id, held.arrived, held.payload, held.position::text;
