-- Whose attributes are to be laid over what is known of them.
SELECT '' AS user_id, '' AS given, '' AS attributes, '' AS name_sequences, 0 AS attributes_sequence
UNION ALL
SELECT given.user_id, given.attributes, known.attributes, known.name_sequences, known.attributes_sequence
FROM temp.incoming_attributes AS given
CROSS JOIN users AS known ON known.tenant = ?1 AND known.user_id = given.user_id;
