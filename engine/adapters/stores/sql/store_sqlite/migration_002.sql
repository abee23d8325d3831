-- What executions are pinned to.
CREATE TABLE workflow_definitions (
    tenant     TEXT NOT NULL,
    workflow   TEXT NOT NULL,
    version    TEXT NOT NULL,
    definition TEXT NOT NULL,
    PRIMARY KEY (tenant, workflow, version)
) WITHOUT ROWID;

-- One person's passage through one workflow each: nobody works on it before `lease_until` (UTC microseconds), nor while
-- any of its effects that update the person is not settled, of which `updates` is the number.
CREATE TABLE workflow_executions (
    tenant         TEXT NOT NULL,
    execution_id   TEXT NOT NULL,
    workflow_id    TEXT NOT NULL,
    version        TEXT NOT NULL,
    user_id        TEXT NOT NULL,
    "trigger"      TEXT NOT NULL,
    status         TEXT NOT NULL,
    step           TEXT NOT NULL,
    occurrence     INTEGER NOT NULL,
    retry_count    INTEGER NOT NULL,
    moves          INTEGER NOT NULL,
    claim          INTEGER NOT NULL,
    seen           INTEGER NOT NULL,
    execution_time INTEGER NOT NULL,
    arrived_at     INTEGER NOT NULL,
    due            INTEGER,
    until          INTEGER,
    awaits         TEXT,
    goal_at        INTEGER,
    ended_at       INTEGER,
    error          TEXT,
    context        TEXT,
    lease_until    INTEGER NOT NULL DEFAULT 0,
    updates        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, execution_id)
) WITHOUT ROWID;
CREATE INDEX idx_workflow_executions ON workflow_executions
    (tenant, workflow_id, user_id, execution_time, status);
CREATE INDEX idx_workflow_executions_due ON workflow_executions (tenant, due, execution_id)
    WHERE status IN ('ready', 'waiting');
CREATE INDEX idx_workflow_executions_user ON workflow_executions
    (tenant, user_id, execution_time, execution_id);
CREATE INDEX idx_workflow_executions_page ON workflow_executions
    (tenant, workflow_id, execution_id);

-- What happened to them.
CREATE TABLE workflow_history (
    tenant       TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    move         INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    step         TEXT NOT NULL,
    type         TEXT,
    occurrence   INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,
    outcome      TEXT NOT NULL,
    output       TEXT,
    error        TEXT,
    stood_us     INTEGER NOT NULL,
    lag_us       INTEGER NOT NULL,
    work_us      REAL NOT NULL,
    PRIMARY KEY (tenant, execution_id, move)
) WITHOUT ROWID;

-- What is to be done of what was decided.
CREATE TABLE workflow_effects (
    tenant       TEXT NOT NULL,
    name         TEXT NOT NULL,
    kind         TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    workflow     TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    step         TEXT NOT NULL,
    occurrence   TEXT NOT NULL,
    at           INTEGER NOT NULL,
    payload      TEXT NOT NULL,
    lease_until  INTEGER NOT NULL DEFAULT 0,
    settled      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, name)
) WITHOUT ROWID;
CREATE INDEX idx_workflow_effects ON workflow_effects (tenant, at, name) WHERE settled = 0;
