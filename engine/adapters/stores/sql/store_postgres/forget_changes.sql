WITH gone AS (
    DELETE FROM mailray.store_changes WHERE tenant = %(tenant)s AND version < %(before)s RETURNING version
)
SELECT max(version) FROM gone;
