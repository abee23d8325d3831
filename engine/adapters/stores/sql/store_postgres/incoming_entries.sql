CREATE TEMP TABLE incoming_entries (
    execution_id text COLLATE "C", workflow text COLLATE "C", version text, user_id text COLLATE "C",
    "trigger" text, step text, at timestamptz, context text
) ON COMMIT DELETE ROWS;
