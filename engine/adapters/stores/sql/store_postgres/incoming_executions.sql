CREATE TEMP TABLE incoming_executions (
    execution_id text COLLATE "C", workflow text COLLATE "C", version text, user_id text COLLATE "C",
    "trigger" text, state text, step text, occurrence integer, retry_count integer, moves integer, claim bigint,
    seen bigint, entered_at timestamptz, arrived_at timestamptz, due timestamptz, until timestamptz,
    awaits text, goal_at timestamptz, ended_at timestamptz, error text, context text
) ON COMMIT DELETE ROWS;
