UPDATE mailray.partition SET lease_until = %(lease_until)s WHERE run = %(run)s AND number = %(partition)s AND epoch = %(epoch)s
