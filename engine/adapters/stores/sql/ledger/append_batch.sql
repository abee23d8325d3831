INSERT INTO batch (epoch, entries, checksum) VALUES (?, ?, ?);
