-- Of several entries of one person that could be begun, the earliest. Without statistics SQLite takes a tenant for ten
-- rows: the index is named.
INSERT INTO workflow_executions (
    tenant, execution_id, workflow_id, version, user_id, "trigger", status, step, occurrence, retry_count,
    moves, claim, seen, execution_time, arrived_at, due, context
)
SELECT ?1, execution_id, workflow, version, user_id, "trigger", 'ready', step, 0, 0, 1, 0, 0, at, at, at, context
FROM (
    SELECT *, row_number() OVER (PARTITION BY workflow, user_id ORDER BY at, execution_id) AS turn
    FROM (
        SELECT given.*
        FROM temp.incoming_entries AS given
        WHERE NOT EXISTS (
                SELECT 1 FROM workflow_executions AS known
                WHERE known.tenant = ?1 AND known.execution_id = given.execution_id
            )
            AND NOT EXISTS (
                SELECT 1 FROM workflow_executions AS known INDEXED BY idx_workflow_executions
                WHERE known.tenant = ?1 AND known.workflow_id = given.workflow AND known.user_id = given.user_id
                    AND (
                        ?2 IS NULL OR known.status IN ('ready', 'waiting') OR known.ended_at > given.at
                        OR known.execution_time + ?2 > given.at
                    )
            )
            AND NOT EXISTS (
                SELECT 1 FROM workflow_executions AS known INDEXED BY idx_workflow_executions
                WHERE known.tenant = ?1 AND known.workflow_id IN (SELECT value FROM json_each(?3))
                    AND known.user_id = given.user_id AND known.status IN ('ready', 'waiting')
            )
            AND NOT EXISTS (
                SELECT 1 FROM json_each(?4) AS needed
                WHERE NOT EXISTS (
                    SELECT 1 FROM workflow_executions AS known INDEXED BY idx_workflow_executions
                    WHERE known.tenant = ?1 AND known.workflow_id = needed.value AND known.user_id = given.user_id
                        AND known.status = 'done'
                )
            )
    )
)
WHERE turn = 1
ORDER BY at, execution_id
RETURNING execution_id;
