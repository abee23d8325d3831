INSERT INTO workflow_measured (
    tenant, execution_id, database_query_time_ms, template_render_time_ms, email_send_time_ms, total_memory_mb,
    cpu_usage_percent
)
SELECT
    ?1, given.execution_id, sum(given.database_query_time_ms), sum(given.template_render_time_ms),
    sum(given.email_send_time_ms), max(given.total_memory_mb), max(given.cpu_usage_percent)
FROM temp.incoming_measured AS given
CROSS JOIN workflow_executions AS known ON known.tenant = ?1 AND known.execution_id = given.execution_id
WHERE true  -- else the parser takes ON CONFLICT for a join's
GROUP BY given.execution_id
ON CONFLICT (tenant, execution_id) DO UPDATE SET
    database_query_time_ms = database_query_time_ms + excluded.database_query_time_ms,
    template_render_time_ms = template_render_time_ms + excluded.template_render_time_ms,
    email_send_time_ms = email_send_time_ms + excluded.email_send_time_ms,
    total_memory_mb = max(total_memory_mb, excluded.total_memory_mb),
    cpu_usage_percent = max(cpu_usage_percent, excluded.cpu_usage_percent);
