SELECT '' AS event_id
UNION ALL
SELECT event_id FROM email_events WHERE tenant = ?1 AND event_id IN (SELECT value FROM json_each(?2));
