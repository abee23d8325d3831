UPDATE workflow_executions SET
    status = 'ready', due = ?2, occurrence = occurrence + 1, retry_count = 0, ended_at = NULL, error = NULL,
    claim = claim + 1, moves = moves + 1, lease_until = 0
WHERE tenant = ?1 AND execution_id IN (SELECT value FROM json_each(?3)) AND status = 'failed';
