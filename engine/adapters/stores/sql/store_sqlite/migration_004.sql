-- Who has claimed it last: what an owner who is gone had claimed is free before its lease ends.
ALTER TABLE workflow_executions ADD COLUMN owner TEXT NOT NULL DEFAULT '';
