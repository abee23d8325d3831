-- With max(), SQLite takes the other columns from the row of the maximum (https://www.sqlite.org/lang_select.html#bareagg).
SELECT state, reason, count(*)
FROM (SELECT outbox_row, state, reason, max(seq) FROM entry GROUP BY outbox_row)
GROUP BY state, reason;
