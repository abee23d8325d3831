SELECT DISTINCT address FROM suppression
WHERE tenant = ? AND address IN (SELECT value FROM json_each(?)) AND list IN ('', ?) AND active = 1;
