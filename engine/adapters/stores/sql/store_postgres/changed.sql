-- Whom the changes after a version concerned, and up to which version they are forgotten.
SELECT latest.forgotten, concerned.user_id
FROM mailray.store_latest AS latest
LEFT JOIN (
    SELECT DISTINCT each.user_id
    FROM mailray.store_changes AS changes, unnest(changes.user_ids) AS each (user_id)
    WHERE changes.tenant = %(tenant)s AND changes.version > %(since)s
    LIMIT %(most)s
) AS concerned ON true
WHERE latest.tenant = %(tenant)s;
