UPDATE mailray.allowance SET used = greatest(0, used + %(number)s)
WHERE tenant = %(tenant)s AND name = %(name)s AND day = %(day)s;
