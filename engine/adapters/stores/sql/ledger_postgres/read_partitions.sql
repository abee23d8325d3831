SELECT number FROM mailray.partition WHERE run = %(run)s ORDER BY number
