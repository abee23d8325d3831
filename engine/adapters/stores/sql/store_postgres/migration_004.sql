-- Who has claimed it last: what an owner who is gone had claimed is free before its lease ends.
ALTER TABLE mailray.workflow_executions ADD COLUMN owner text NOT NULL DEFAULT '' COLLATE "C";
