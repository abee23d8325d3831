-- What executions are pinned to.
CREATE TABLE mailray.workflow_definitions (
    tenant     text NOT NULL COLLATE "C",
    workflow   text NOT NULL COLLATE "C",
    version    text NOT NULL COLLATE "C",
    definition text NOT NULL,
    PRIMARY KEY (tenant, workflow, version)
);

-- One person's passage through one workflow each: nobody works on it before `lease_until` (UTC microseconds), nor while
-- any of its effects that update the person is not settled, of which `updates` is the number.
CREATE TABLE mailray.workflow_executions (
    tenant         text NOT NULL COLLATE "C",
    execution_id   text NOT NULL COLLATE "C",
    workflow_id    text NOT NULL COLLATE "C",
    version        text NOT NULL COLLATE "C",
    user_id        text NOT NULL COLLATE "C",
    "trigger"      text NOT NULL,
    status         text NOT NULL COLLATE "C",
    step           text NOT NULL COLLATE "C",
    occurrence     integer NOT NULL,
    retry_count    integer NOT NULL,
    moves          integer NOT NULL,
    claim          bigint NOT NULL,
    seen           bigint NOT NULL,
    execution_time timestamptz NOT NULL,
    arrived_at     timestamptz NOT NULL,
    due            timestamptz,
    until          timestamptz,
    awaits         text,
    goal_at        timestamptz,
    ended_at       timestamptz,
    error          text,
    context        text,
    lease_until    bigint NOT NULL DEFAULT 0,
    updates        integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, execution_id)
);
CREATE INDEX idx_workflow_executions ON mailray.workflow_executions
    (tenant, workflow_id, user_id, execution_time, status);
CREATE INDEX idx_workflow_executions_due ON mailray.workflow_executions (tenant, due, execution_id)
    WHERE status IN ('ready', 'waiting');
CREATE INDEX idx_workflow_executions_user ON mailray.workflow_executions
    (tenant, user_id, execution_time, execution_id);
CREATE INDEX idx_workflow_executions_page ON mailray.workflow_executions
    (tenant, workflow_id, execution_id);

-- What happened to them.
CREATE TABLE mailray.workflow_history (
    tenant       text NOT NULL COLLATE "C",
    execution_id text NOT NULL COLLATE "C",
    move         integer NOT NULL,
    at           timestamptz NOT NULL,
    step         text NOT NULL COLLATE "C",
    type         text,
    occurrence   integer NOT NULL,
    attempt      integer NOT NULL,
    outcome      text NOT NULL,
    output       text,
    error        text,
    stood_us     bigint NOT NULL,
    lag_us       bigint NOT NULL,
    work_us      double precision NOT NULL,
    PRIMARY KEY (tenant, execution_id, move)
);

-- What is to be done of what was decided.
CREATE TABLE mailray.workflow_effects (
    tenant       text NOT NULL COLLATE "C",
    name         text NOT NULL COLLATE "C",
    kind         text NOT NULL,
    execution_id text NOT NULL COLLATE "C",
    workflow     text NOT NULL,
    user_id      text NOT NULL COLLATE "C",
    step         text NOT NULL COLLATE "C",
    occurrence   text NOT NULL,
    at           timestamptz NOT NULL,
    payload      text NOT NULL,
    lease_until  bigint NOT NULL DEFAULT 0,
    settled      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, name)
);
CREATE INDEX idx_workflow_effects ON mailray.workflow_effects (tenant, at, name) WHERE NOT settled;
