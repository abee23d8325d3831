SELECT key FROM mailray.cap_reservation WHERE tenant = %(tenant)s AND holder = %(holder)s AND open;
