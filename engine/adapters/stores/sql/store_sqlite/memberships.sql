SELECT '' AS user_id, '' AS segment_type, '' AS segment_value, 0 AS active, 0 AS created_at
UNION ALL
SELECT * FROM (
    SELECT user_id, segment_type, segment_value, active, created_at
    FROM user_segments
    WHERE tenant = ?1 AND user_id IN (SELECT value FROM json_each(?2)) AND active = 1
    ORDER BY user_id, segment_type, segment_value
    LIMIT -1
);
