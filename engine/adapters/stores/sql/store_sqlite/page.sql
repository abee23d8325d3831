SELECT '' AS user_id, '' AS email, '' AS first_name, '' AS subscription_status, '' AS time_zone,
    0 AS created_at, 0 AS last_activity, '' AS attributes, 0 AS version
UNION ALL
SELECT * FROM (
    SELECT user_id, email, first_name, subscription_status, time_zone, created_at, last_activity, attributes, version
    FROM users
    WHERE tenant = ?1 AND user_id > ?2
    ORDER BY user_id
    LIMIT ?3
);
