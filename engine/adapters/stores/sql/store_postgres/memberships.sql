SELECT user_id, segment_type, segment_value, active, created_at
FROM mailray.user_segments
WHERE tenant = %(tenant)s AND user_id = ANY(%(ids)s::text[]) AND active
ORDER BY user_id, segment_type, segment_value;
