DELETE FROM reservation WHERE key = ?;
