CREATE TEMP TABLE incoming_measured (
    execution_id text COLLATE "C", database_query_time_ms double precision, template_render_time_ms double precision,
    email_send_time_ms double precision, total_memory_mb double precision, cpu_usage_percent double precision
) ON COMMIT DELETE ROWS;
