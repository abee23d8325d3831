DELETE FROM reservation WHERE at < ?;
