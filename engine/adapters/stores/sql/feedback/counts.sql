SELECT kind, source, COUNT(*) FROM event WHERE tenant = ? GROUP BY kind, source ORDER BY kind, source;
