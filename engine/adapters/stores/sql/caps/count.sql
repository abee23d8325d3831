SELECT count(*) FROM reservation WHERE recipient = ? AND at > ? AND key <> ?;
