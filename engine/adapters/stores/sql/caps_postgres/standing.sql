SELECT recipient, key, holder, at FROM mailray.cap_reservation
WHERE tenant = %(tenant)s AND recipient = ANY(%(recipient)s::bytea[]) AND at > %(after)s;
