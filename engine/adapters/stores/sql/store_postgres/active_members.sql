SELECT known.user_id, known.email, known.first_name, segment.segment_type, segment.segment_value
FROM mailray.users AS known
JOIN mailray.user_segments AS segment ON segment.tenant = known.tenant AND segment.user_id = known.user_id
WHERE known.tenant = %(tenant)s
    AND segment.tenant = %(tenant)s
    AND known.subscription_status = 'active'
    AND known.last_activity >= %(since)s
    AND segment.segment_type = ANY(%(types)s::text[])
    AND segment.active
ORDER BY known.last_activity DESC, known.user_id, segment.segment_type, segment.segment_value;
