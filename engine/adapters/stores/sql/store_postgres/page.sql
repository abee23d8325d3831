SELECT
    user_id, email, first_name, subscription_status, time_zone, created_at, last_activity,
    attributes::text AS attributes, version
FROM mailray.users
WHERE tenant = %(tenant)s AND user_id > %(after)s
ORDER BY user_id
LIMIT %(most)s;
