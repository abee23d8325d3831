SELECT number FROM mailray.store_latest WHERE tenant = %(tenant)s;
