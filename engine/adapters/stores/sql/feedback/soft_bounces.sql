-- Different messages that bounced softly; one whose key is not known counts as one of its own.
SELECT address, COUNT(DISTINCT CASE WHEN key IS NULL THEN id ELSE HEX(key) END) FROM event
WHERE tenant = ? AND address IN (SELECT value FROM json_each(?)) AND at >= ? AND kind = 'soft'
GROUP BY address;
