SELECT messages, planned_at, digest FROM plan;
