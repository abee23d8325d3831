-- A page of addresses, after an address: tenant, address, list, rows.
SELECT DISTINCT address FROM mailray.suppression
WHERE tenant = $1 AND address > $2 AND list IN ('', $3) AND active
ORDER BY address LIMIT $4;
