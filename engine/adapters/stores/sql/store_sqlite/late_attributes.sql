-- Whose attributes, some of them of a later write, are to be replaced by an earlier one.
SELECT '' AS user_id, '' AS given, '' AS attributes, '' AS name_sequences, 0 AS attributes_sequence
UNION ALL
SELECT given.user_id, given.attributes, known.attributes, known.name_sequences, known.attributes_sequence
FROM temp.incoming_users AS given
CROSS JOIN users AS known ON known.tenant = ?1 AND known.user_id = given.user_id
WHERE known.latest_sequence > ?2;
