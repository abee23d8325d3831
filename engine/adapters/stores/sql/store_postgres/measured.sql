SELECT
    execution_id, database_query_time_ms, template_render_time_ms, email_send_time_ms, total_memory_mb,
    cpu_usage_percent
FROM mailray.workflow_measured
WHERE tenant = %(tenant)s AND execution_id = ANY(%(ids)s::text[])
ORDER BY execution_id;
