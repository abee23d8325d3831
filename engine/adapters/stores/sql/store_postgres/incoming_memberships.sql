CREATE TEMP TABLE incoming_memberships (
    user_id text COLLATE "C", segment_type text COLLATE "C", segment_value text COLLATE "C",
    active boolean, created_at timestamptz
) ON COMMIT DELETE ROWS;
