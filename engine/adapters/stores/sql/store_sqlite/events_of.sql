SELECT '' AS event_id, '' AS user_id, '' AS event_type, 0 AS event_time, '' AS campaign_id, '' AS properties
UNION ALL
SELECT * FROM (
    SELECT event_id, user_id, event_type, event_time, campaign_id, properties
    FROM email_events
    WHERE tenant = ?1
        AND user_id IN (SELECT value FROM json_each(?2))
        AND event_type IN (SELECT value FROM json_each(?3))
        AND event_time >= ?4
    ORDER BY user_id, event_time, event_id
    LIMIT -1
);
