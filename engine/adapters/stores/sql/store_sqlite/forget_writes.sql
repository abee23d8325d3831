DELETE FROM writes WHERE tenant = ?1 AND at < ?2;
