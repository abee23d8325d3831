SELECT event_id FROM mailray.email_events WHERE tenant = %(tenant)s AND event_id = ANY(%(ids)s::text[]);
