UPDATE users AS known SET
    attributes = given.attributes,
    name_sequences = given.name_sequences,
    attributes_sequence = given.attributes_sequence,
    latest_sequence = given.latest_sequence,
    version = iif(known.attributes = given.attributes, known.version, ?2)
FROM temp.incoming_attributes AS given
WHERE known.tenant = ?1 AND known.user_id = given.user_id;
