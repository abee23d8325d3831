SELECT priority, count(*) FROM mailray.queue_item WHERE tenant = %(tenant)s GROUP BY priority;
