UPDATE mailray.partition SET epoch = epoch + 1, owner = %(owner)s, lease_until = %(lease_until)s
WHERE run = %(run)s AND number = %(partition)s AND epoch = %(epoch)s
