CREATE TEMP TABLE incoming_effects (
    name text COLLATE "C", kind text, execution_id text COLLATE "C", workflow text COLLATE "C",
    user_id text COLLATE "C", step text, occurrence text, at timestamptz, payload text
) ON COMMIT DELETE ROWS;
