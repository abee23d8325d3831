UPDATE item SET since = ? WHERE position IN (SELECT value FROM json_each(?));
