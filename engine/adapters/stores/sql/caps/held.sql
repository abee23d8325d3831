SELECT key FROM reservation WHERE holder = ? AND holder <> '';
