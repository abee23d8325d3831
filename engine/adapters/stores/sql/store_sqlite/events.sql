SELECT 0 AS position, '' AS event_id, '' AS user_id, '' AS event_type, 0 AS event_time, '' AS campaign_id,
    '' AS properties
UNION ALL
SELECT * FROM (
    SELECT position, event_id, user_id, event_type, event_time, campaign_id, properties
    FROM email_events
    WHERE tenant = ?1 AND position > ?2
    ORDER BY position
    LIMIT ?3
);
