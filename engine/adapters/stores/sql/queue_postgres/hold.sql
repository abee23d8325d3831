UPDATE mailray.queue_item SET since = clock_timestamp() WHERE position = ANY(%(position)s::bigint[]);
