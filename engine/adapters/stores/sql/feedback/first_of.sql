SELECT kind, source FROM event WHERE tenant = ? AND key = ? ORDER BY at LIMIT 1;
