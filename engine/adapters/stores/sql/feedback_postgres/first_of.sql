SELECT DISTINCT ON (key) key, kind, source FROM mailray.feedback
WHERE tenant = %(tenant)s AND key = ANY(%(key)s::bytea[])
ORDER BY key, at;
