SELECT
    '' AS execution_id, 0.0 AS database_query_time_ms, 0.0 AS template_render_time_ms, 0.0 AS email_send_time_ms,
    0.0 AS total_memory_mb, 0.0 AS cpu_usage_percent
UNION ALL
SELECT * FROM (
    SELECT
        execution_id, database_query_time_ms, template_render_time_ms, email_send_time_ms, total_memory_mb,
        cpu_usage_percent
    FROM workflow_measured
    WHERE tenant = ?1 AND execution_id IN (SELECT value FROM json_each(?2))
    ORDER BY execution_id
    LIMIT -1
);
