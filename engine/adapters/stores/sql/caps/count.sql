SELECT count(*) FROM reservation WHERE recipient = ? AND at > ? AND NOT (key = ? AND holder = ?);
