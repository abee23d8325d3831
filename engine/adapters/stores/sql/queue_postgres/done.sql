DELETE FROM mailray.queue_item WHERE position = ANY(%(position)s::bigint[]);
