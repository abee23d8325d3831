-- A page of entries, after an address and list; a null list means all.
SELECT address, list, reason, source, at FROM suppression
WHERE tenant = ?1 AND (address, list) > (?2, ?3) AND (?4 IS NULL OR list = ?4) AND active = 1
ORDER BY address, list LIMIT ?5;
