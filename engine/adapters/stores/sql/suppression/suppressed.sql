-- A page of addresses, after an address.
SELECT DISTINCT address FROM suppression
WHERE tenant = ? AND address > ? AND list IN ('', ?) AND active = 1
ORDER BY address LIMIT ?;
