UPDATE reservation SET at = ?, holder = '' WHERE key = ?;
