UPDATE workflow_executions SET
    status = 'cancelled', due = NULL, until = NULL, awaits = NULL, ended_at = ?2, claim = claim + 1, moves = moves + 1,
    lease_until = 0
WHERE tenant = ?1 AND execution_id IN (SELECT value FROM json_each(?3)) AND status IN ('ready', 'waiting');
