DELETE FROM mailray.cap_reservation WHERE tenant = %(tenant)s AND key = ANY(%(key)s::bytea[]) AND holder = %(holder)s;
