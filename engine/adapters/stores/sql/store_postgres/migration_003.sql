-- What is due is found by its workflow; whoever waits for an update to be applied is not among it.
DROP INDEX mailray.idx_workflow_executions_due;
CREATE INDEX idx_workflow_executions_due ON mailray.workflow_executions (tenant, workflow_id, due, execution_id)
    WHERE status IN ('ready', 'waiting') AND updates = 0;
DROP INDEX mailray.idx_workflow_effects;
ALTER TABLE mailray.workflow_effects
    ALTER COLUMN kind TYPE text COLLATE "C", ALTER COLUMN workflow TYPE text COLLATE "C";
CREATE INDEX idx_workflow_effects ON mailray.workflow_effects (tenant, workflow, kind, at, name) WHERE NOT settled;

-- Room for a row's next version on its own page: then a claim touches no index.
ALTER TABLE mailray.workflow_executions SET (fillfactor = 50);
ALTER TABLE mailray.workflow_effects SET (fillfactor = 50);

-- What working on them has cost: times summed, of memory and use the most.
CREATE TABLE mailray.workflow_measured (
    tenant                  text NOT NULL COLLATE "C",
    execution_id            text NOT NULL COLLATE "C",
    database_query_time_ms  double precision NOT NULL,
    template_render_time_ms double precision NOT NULL,
    email_send_time_ms      double precision NOT NULL,
    total_memory_mb         double precision NOT NULL,
    cpu_usage_percent       double precision NOT NULL,
    PRIMARY KEY (tenant, execution_id)
);

-- How far whoever works on them has come.
CREATE TABLE mailray.workflow_marks (
    tenant text NOT NULL COLLATE "C",
    name   text NOT NULL COLLATE "C",
    value  text NOT NULL,
    PRIMARY KEY (tenant, name)
);
