SELECT id FROM event WHERE tenant = ? AND id IN (SELECT value FROM json_each(?));
