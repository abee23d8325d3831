SELECT coalesce(sum(messages), 0)::bigint FROM mailray.partition WHERE run = %(run)s
