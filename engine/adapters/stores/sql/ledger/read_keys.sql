SELECT key FROM message ORDER BY outbox_row;
