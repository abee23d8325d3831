CREATE TEMP TABLE incoming_users (
    user_id text COLLATE "C", email text, first_name text, subscription_status text, time_zone text,
    created_at timestamptz, last_activity timestamptz, attributes text
) ON COMMIT DELETE ROWS;
