SELECT epoch, owner, lease_until FROM mailray.partition WHERE run = %(run)s AND number = %(partition)s FOR UPDATE
