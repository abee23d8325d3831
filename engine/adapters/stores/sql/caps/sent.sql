UPDATE reservation SET at = ?, open = 0 WHERE key = ? AND holder = ?;
