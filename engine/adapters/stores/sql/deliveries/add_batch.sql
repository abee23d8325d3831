INSERT OR IGNORE INTO batch (run, partition) VALUES (?, ?) RETURNING id;
