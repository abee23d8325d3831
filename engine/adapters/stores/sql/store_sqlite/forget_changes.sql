DELETE FROM changes WHERE tenant = ?1 AND version < ?2 RETURNING version;
