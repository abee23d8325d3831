INSERT INTO user_segments AS known (tenant, user_id, segment_type, segment_value, active, created_at, sequence, version)
SELECT ?1, user_id, segment_type, segment_value, active, created_at, ?3, ?2
FROM temp.incoming_memberships
WHERE true
ORDER BY user_id, segment_type, segment_value
ON CONFLICT (tenant, user_id, segment_type, segment_value) DO UPDATE SET
    version = iif(
        excluded.active <> known.active OR excluded.created_at <> known.created_at, excluded.version, known.version
    ),
    active = excluded.active,
    created_at = excluded.created_at,
    sequence = excluded.sequence
WHERE excluded.sequence >= known.sequence;
