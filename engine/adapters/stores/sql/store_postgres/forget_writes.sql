DELETE FROM mailray.store_writes WHERE tenant = %(tenant)s AND at < %(before)s;
