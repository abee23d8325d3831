INSERT INTO batch (number, records, texts, checksum, epoch) SELECT ?, ?, ?, ?, epoch FROM lease WHERE epoch = ?;
