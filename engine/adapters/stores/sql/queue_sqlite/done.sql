DELETE FROM item WHERE position IN (SELECT value FROM json_each(?));
