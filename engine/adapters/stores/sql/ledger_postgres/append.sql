-- One statement, so one transaction and one round trip. Nothing is written under an epoch that has passed, nor behind a batch that
-- the writer does not know.
WITH owned AS (
    UPDATE mailray.partition
    SET lease_until = %(lease_until)s, batches = batches + 1, entries = entries + %(entries)s, checksum = %(checksum)s
    WHERE run = %(run)s AND number = %(partition)s AND epoch = %(epoch)s AND batches = %(batches)s
    RETURNING run, number, epoch, batches, entries - %(entries)s AS before
), written AS (
    INSERT INTO mailray.entry
    SELECT owned.run, owned.number, owned.before + line.position, line.outbox_row, line.state, line.attempt, line.at, line.reason,
           line.next_at, line.code, line.enhanced, line.detail, line.remote_id
    FROM owned, unnest(
        %(outbox_row)s::integer[], %(state)s::smallint[], %(attempt)s::integer[], %(at)s::bigint[], %(reason)s::smallint[],
        %(next_at)s::bigint[], %(code)s::integer[], %(enhanced)s::text[], %(detail)s::text[], %(remote_id)s::text[]
    ) WITH ORDINALITY AS line (outbox_row, state, attempt, at, reason, next_at, code, enhanced, detail, remote_id, position)
)
INSERT INTO mailray.batch
SELECT run, number, batches, epoch, %(entries)s, %(checksum)s FROM owned
