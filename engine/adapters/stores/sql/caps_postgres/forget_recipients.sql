-- Those that somebody is reserving for are left for the next time.
DELETE FROM mailray.cap_recipient WHERE tenant = %(tenant)s AND recipient IN (
    SELECT recipient FROM mailray.cap_recipient WHERE tenant = %(tenant)s AND until < %(before)s FOR UPDATE SKIP LOCKED
);
