SELECT messages, planned_at, digest, epoch, batches, entries, checksum
FROM mailray.partition WHERE run = %(run)s AND number = %(partition)s
