-- How many of those given a version has changed, and whose they are: at most ?3 of them.
SELECT count(*), json_group_array(DISTINCT user_id) FILTER (WHERE place <= ?3)
FROM (
    SELECT given.user_id, row_number() OVER () AS place
    FROM temp.incoming_memberships AS given
    CROSS JOIN user_segments AS known
        ON known.tenant = ?1 AND known.user_id = given.user_id
        AND known.segment_type = given.segment_type AND known.segment_value = given.segment_value
    WHERE known.version = ?2
);
