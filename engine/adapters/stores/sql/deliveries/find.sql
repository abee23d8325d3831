SELECT key, run, partition, row FROM delivery JOIN batch ON batch.id = delivery.batch WHERE key = ?;
