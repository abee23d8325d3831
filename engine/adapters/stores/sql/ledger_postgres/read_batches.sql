SELECT entries, checksum FROM mailray.batch WHERE run = %(run)s AND partition = %(partition)s ORDER BY number
