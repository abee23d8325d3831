-- Every delivery asks this twice a second; without the index's name SQLite reads all of the tenant's rows for it.
SELECT DISTINCT address FROM suppression INDEXED BY suppression_version WHERE tenant = ? AND version > ? LIMIT ?;
