SELECT key FROM mailray.message WHERE run = %(run)s AND partition = %(partition)s ORDER BY outbox_row
