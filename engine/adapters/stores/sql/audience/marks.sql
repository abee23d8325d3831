-- The rows that need a mark: addresses and keys met in an earlier row, and addresses that are suppressed.
-- seen(row, key, address), suppression(address): addresses in normal form, null where there is none.
COPY (
    WITH repeated_addresses AS (
        SELECT address, min(row) AS first_row FROM seen WHERE address IS NOT NULL GROUP BY address HAVING count(*) > 1
    ),
    repeated_keys AS (
        SELECT key, min(row) AS first_row FROM seen GROUP BY key HAVING count(*) > 1
    ),
    never AS (
        SELECT DISTINCT address FROM suppression WHERE address IS NOT NULL
    )
    SELECT
        seen.row,
        coalesce(seen.row > a.first_row, false) OR coalesce(seen.row > k.first_row, false) AS duplicate,
        never.address IS NOT NULL AS suppressed
    FROM seen
    LEFT JOIN repeated_addresses AS a ON seen.address = a.address
    LEFT JOIN repeated_keys AS k ON seen.key = k.key
    LEFT JOIN never ON seen.address = never.address
    WHERE duplicate OR suppressed
    ORDER BY seen.row
) TO $marks (FORMAT parquet)
