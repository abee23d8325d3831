CREATE TEMP TABLE incoming_history (
    execution_id text COLLATE "C", move integer, at timestamptz, step text, type text, occurrence integer,
    attempt integer, outcome text, output text, error text, stood_us bigint, lag_us bigint,
    work_us double precision
) ON COMMIT DELETE ROWS;
