SELECT value FROM workflow_marks WHERE tenant = ?1 AND name = ?2;
