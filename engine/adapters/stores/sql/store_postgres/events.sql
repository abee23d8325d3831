SELECT position, event_id, user_id, event_type, event_time, campaign_id, properties::text AS properties
FROM mailray.email_events
WHERE tenant = %(tenant)s AND position > %(after)s
ORDER BY position
LIMIT %(most)s;
