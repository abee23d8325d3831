"""Users as the cache's origin."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from engine.audience.store import USERS, Store


class StoredUsers:
    """The users of a store, by ``user_id``. The store must be read where it is written: a replica may lag behind ``version``."""

    key = "user_id"
    schema = USERS

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, names: Sequence[str]) -> pa.RecordBatch:
        return self._store.users(pa.array(names, pa.string()))

    def version(self) -> int:
        return self._store.version()

    def changed(self, since: int, most: int) -> Sequence[str] | None:
        return self._store.changed(since, most)
