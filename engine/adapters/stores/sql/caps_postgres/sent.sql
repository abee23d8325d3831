UPDATE mailray.cap_reservation AS known SET at = given.at, open = false
FROM unnest(%(key)s::bytea[], %(at)s::bigint[]) AS given (key, at)
WHERE known.tenant = %(tenant)s AND known.key = given.key AND known.holder = %(holder)s;
