-- The rows of seen(row, key, address) whose key stood in an earlier row.
SELECT row FROM seen QUALIFY row_number() OVER (PARTITION BY key ORDER BY row) > 1
