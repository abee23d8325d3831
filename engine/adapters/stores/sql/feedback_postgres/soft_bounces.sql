-- Different messages that bounced softly; one whose key is not known counts as one of its own.
SELECT address, count(DISTINCT coalesce(encode(key, 'hex'), 'id ' || id)) FROM mailray.feedback
WHERE tenant = %(tenant)s AND address = ANY(%(address)s::text[]) AND at >= %(since)s AND kind = 'soft'
GROUP BY address;
