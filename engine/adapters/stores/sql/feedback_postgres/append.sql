INSERT INTO mailray.feedback (tenant, id, kind, source, at, key, address, campaign, status, detail)
SELECT %(tenant)s, id, kind, source, at, key, address, campaign, status, detail
FROM unnest(%(id)s::text[], %(kind)s::text[], %(source)s::text[], %(at)s::bigint[], %(key)s::bytea[], %(address)s::text[],
            %(campaign)s::text[], %(status)s::text[], %(detail)s::text[])
    WITH ORDINALITY AS given (id, kind, source, at, key, address, campaign, status, detail, number)
ORDER BY id, number
ON CONFLICT (tenant, id) DO NOTHING;
