DELETE FROM mailray.cap_reservation WHERE tenant = %(tenant)s AND at < %(before)s;
