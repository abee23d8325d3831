UPDATE latest SET forgotten = max(forgotten, ?2) WHERE tenant = ?1;
