SELECT id FROM mailray.feedback WHERE tenant = %(tenant)s AND id = ANY(%(id)s::text[]);
