-- One row for each row of the audience that has a mark, in the audience's order.
SELECT row, bool_or(duplicate) AS duplicate, bool_or(suppressed) AS suppressed
FROM (
    SELECT row, true AS duplicate, false AS suppressed FROM repeated_addresses
    UNION ALL SELECT row, true, false FROM repeated_keys
    UNION ALL SELECT row, false, true FROM suppressed
)
GROUP BY row
ORDER BY row
