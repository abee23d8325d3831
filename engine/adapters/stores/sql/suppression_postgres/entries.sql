-- A page of entries, after an address and list; a null list means all.
SELECT address, list, reason, source, at FROM mailray.suppression
WHERE tenant = %(tenant)s AND (address, list) > (%(address)s, %(after)s)
  AND (%(list)s::text IS NULL OR list = %(list)s) AND active
ORDER BY address, list LIMIT %(page)s;
