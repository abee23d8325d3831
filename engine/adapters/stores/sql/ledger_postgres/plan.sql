UPDATE mailray.partition SET messages = %(messages)s, planned_at = %(planned_at)s, digest = %(digest)s
WHERE run = %(run)s AND number = %(partition)s
