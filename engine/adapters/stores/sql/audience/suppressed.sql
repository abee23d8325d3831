-- The rows of seen(row, key, address) whose address is in suppression(address).
SELECT row FROM seen WHERE address IN (SELECT address FROM suppression WHERE address IS NOT NULL)
