-- The rows of seen(row, key, address) whose address stood in an earlier row; a null address repeats nothing.
SELECT row FROM seen WHERE address IS NOT NULL QUALIFY row_number() OVER (PARTITION BY address ORDER BY row) > 1
