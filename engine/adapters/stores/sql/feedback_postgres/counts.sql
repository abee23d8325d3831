SELECT kind, source, count(*) FROM mailray.feedback WHERE tenant = %(tenant)s GROUP BY kind, source ORDER BY kind, source;
