-- What is due is found by its workflow; whoever waits for an update to be applied is not among it.
DROP INDEX idx_workflow_executions_due;
CREATE INDEX idx_workflow_executions_due ON workflow_executions (tenant, workflow_id, due, execution_id)
    WHERE status IN ('ready', 'waiting') AND updates = 0;
DROP INDEX idx_workflow_effects;
CREATE INDEX idx_workflow_effects ON workflow_effects (tenant, workflow, kind, at, name) WHERE settled = 0;

-- What working on them has cost: times summed, of memory and use the most.
CREATE TABLE workflow_measured (
    tenant                  TEXT NOT NULL,
    execution_id            TEXT NOT NULL,
    database_query_time_ms  REAL NOT NULL,
    template_render_time_ms REAL NOT NULL,
    email_send_time_ms      REAL NOT NULL,
    total_memory_mb         REAL NOT NULL,
    cpu_usage_percent       REAL NOT NULL,
    PRIMARY KEY (tenant, execution_id)
) WITHOUT ROWID;

-- How far whoever works on them has come.
CREATE TABLE workflow_marks (
    tenant TEXT NOT NULL,
    name   TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
) WITHOUT ROWID;
