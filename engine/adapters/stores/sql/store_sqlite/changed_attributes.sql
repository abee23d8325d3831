-- How many of those given a version has changed, and who: at most ?3 of them.
SELECT count(*), json_group_array(user_id) FILTER (WHERE place <= ?3)
FROM (
    SELECT given.user_id, row_number() OVER () AS place
    FROM temp.incoming_attributes AS given
    CROSS JOIN users AS known ON known.tenant = ?1 AND known.user_id = given.user_id
    WHERE known.version = ?2
);
