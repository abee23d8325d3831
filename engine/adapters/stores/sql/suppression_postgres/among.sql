SELECT DISTINCT address FROM mailray.suppression
WHERE tenant = %(tenant)s AND address = ANY(%(address)s::text[]) AND list IN ('', %(list)s) AND active;
