UPDATE mailray.suppression SET active = false, version = %(version)s
WHERE tenant = %(tenant)s AND address = ANY(%(address)s::text[]) AND list = %(list)s AND active;
