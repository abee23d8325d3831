DELETE FROM reservation WHERE key = ? AND holder = ?;
