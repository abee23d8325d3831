SELECT event_id, user_id, event_type, event_time, campaign_id, properties::text AS properties
FROM mailray.email_events
WHERE tenant = %(tenant)s
    AND user_id = ANY(%(ids)s::text[])
    AND event_type = ANY(%(types)s::text[])
    AND event_time >= %(since)s
ORDER BY user_id, event_time, event_id;
