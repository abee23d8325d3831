SELECT outbox_row, state, attempt, at, reason, next_at, code, enhanced, detail, remote_id
FROM mailray.entry WHERE run = %(run)s AND partition = %(partition)s ORDER BY seq
