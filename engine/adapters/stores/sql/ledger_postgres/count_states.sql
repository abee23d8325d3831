SELECT state, reason, count(*)
FROM (
    SELECT DISTINCT ON (partition, outbox_row) state, reason
    FROM mailray.entry WHERE run = %(run)s ORDER BY partition, outbox_row, seq DESC
) AS latest
GROUP BY state, reason
