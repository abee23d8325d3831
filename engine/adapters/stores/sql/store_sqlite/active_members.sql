SELECT '' AS user_id, '' AS email, '' AS first_name, '' AS segment_type, '' AS segment_value
UNION ALL
SELECT user_id, email, first_name, segment_type, segment_value FROM (
    SELECT known.user_id, known.email, known.first_name, segment.segment_type, segment.segment_value
    FROM users AS known
    CROSS JOIN user_segments AS segment
        ON segment.tenant = known.tenant AND segment.user_id = known.user_id
    WHERE known.tenant = ?1
        AND known.subscription_status = 'active'
        AND known.last_activity >= ?3
        AND segment.segment_type IN (SELECT value FROM json_each(?2))
        AND segment.active = 1
    ORDER BY known.last_activity DESC, known.user_id, segment.segment_type, segment.segment_value
    LIMIT -1
);
