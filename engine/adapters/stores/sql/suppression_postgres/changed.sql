SELECT DISTINCT address FROM mailray.suppression
WHERE tenant = %(tenant)s AND version > %(since)s LIMIT %(most)s;
