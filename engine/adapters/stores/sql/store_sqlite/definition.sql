SELECT definition FROM workflow_definitions
WHERE tenant = ?1 AND workflow = ?2 AND version = ?3;
