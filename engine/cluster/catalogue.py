"""The catalogue actor: the prepared templates of the runs on a cluster, by content hash."""
