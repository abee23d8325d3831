INSERT INTO message (outbox_row, key) VALUES (?, ?);
