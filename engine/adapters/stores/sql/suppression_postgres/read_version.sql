SELECT coalesce(max(number), 0) FROM mailray.suppression_latest WHERE tenant = %(tenant)s;
