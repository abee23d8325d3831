INSERT INTO mailray.workflow_measured AS had (
    tenant, execution_id, database_query_time_ms, template_render_time_ms, email_send_time_ms, total_memory_mb,
    cpu_usage_percent
)
SELECT
    %(tenant)s, given.execution_id, sum(given.database_query_time_ms), sum(given.template_render_time_ms),
    sum(given.email_send_time_ms), max(given.total_memory_mb), max(given.cpu_usage_percent)
FROM pg_temp.incoming_measured AS given
CROSS JOIN LATERAL (
    SELECT count(*) AS number
    FROM mailray.workflow_executions AS known
    WHERE known.tenant = %(tenant)s AND known.execution_id = given.execution_id
) AS same
WHERE same.number = 1
GROUP BY given.execution_id
ORDER BY given.execution_id  -- two that measure the same wait for one another in one order
ON CONFLICT (tenant, execution_id) DO UPDATE SET
    database_query_time_ms = had.database_query_time_ms + excluded.database_query_time_ms,
    template_render_time_ms = had.template_render_time_ms + excluded.template_render_time_ms,
    email_send_time_ms = had.email_send_time_ms + excluded.email_send_time_ms,
    total_memory_mb = greatest(had.total_memory_mb, excluded.total_memory_mb),
    cpu_usage_percent = greatest(had.cpu_usage_percent, excluded.cpu_usage_percent);
