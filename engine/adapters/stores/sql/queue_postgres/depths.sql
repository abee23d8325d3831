SELECT priority, count(*) FROM mailray.queue_item GROUP BY priority;
