INSERT INTO entry (outbox_row, state, attempt, at, reason, next_at, code, enhanced, detail, remote_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
