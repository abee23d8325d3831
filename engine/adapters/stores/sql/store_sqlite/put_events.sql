INSERT INTO email_events (tenant, event_id, user_id, event_type, event_time, campaign_id, properties)
SELECT ?1, event_id, user_id, event_type, event_time, campaign_id, properties
FROM temp.incoming_events
WHERE true
ORDER BY rowid
ON CONFLICT (tenant, event_id) DO NOTHING;
