-- Whom the changes after a version concerned, and up to which version they are forgotten.
SELECT DISTINCT latest.forgotten, concerned.user_id
FROM latest
LEFT JOIN (
    SELECT DISTINCT each.value AS user_id
    FROM changes, json_each(changes.user_ids) AS each
    WHERE changes.tenant = ?1 AND changes.version > ?2
    LIMIT ?3
) AS concerned
WHERE latest.tenant = ?1;
