INSERT OR REPLACE INTO delivery (key, message, batch, row) VALUES (?, ?, ?, ?);
