UPDATE mailray.store_latest SET forgotten = greatest(forgotten, %(version)s) WHERE tenant = %(tenant)s;
