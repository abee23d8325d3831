SELECT DISTINCT address FROM suppression WHERE tenant = ? AND version > ? LIMIT ?;
