CREATE TEMP TABLE incoming_attributes (user_id text COLLATE "C", attributes text) ON COMMIT DELETE ROWS;
