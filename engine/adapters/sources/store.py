"""Recipients from Mailray's own store of people, in the order of their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime

import pyarrow as pa

from engine.adapters.sources.kind import Asked, SourceKind
from engine.audience.partitions import BLOCK_ROWS
from engine.audience.source import Source
from engine.audience.store import USERS, Store
from engine.conditions import Pushdown
from engine.workflow.people import columns_of, own_columns

SCHEME = "store"


class StoreSource:
    """The people of a store: their own columns, and those of their attributes that are given a type.

    Which columns there are is known without a store; ``open`` is called when people are read. Each page is of its own moment: nobody
    comes twice, and whoever is new meanwhile may be left out.
    """

    name = f"{SCHEME}:"

    def __init__(self, open: Callable[[], Store], types: Mapping[str, pa.DataType]) -> None:
        self._open = open
        self._store: Store | None = None
        own = [USERS.field(name) for name in own_columns(USERS.names)]
        self.schema = pa.schema([*own, *(pa.field(name, kind) for name, kind in types.items())])

    def pushdown(self, condition: str, now: datetime, timezone: str) -> Pushdown[None]:
        return Pushdown(None, None, condition)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with closing(self._open()) as store:
            self._store = store
            try:
                yield
            finally:
                self._store = None

    def count(self) -> int:
        return sum(page.num_rows for page in self._pages())

    def batches(self, columns: Sequence[str], filter: None = None) -> Iterator[pa.RecordBatch]:
        wanted = pa.schema([self.schema.field(name) for name in columns])
        return (columns_of(page, wanted) for page in self._pages())

    def _pages(self) -> Iterator[pa.RecordBatch]:
        if self._store is not None:
            yield from _pages(self._store)
            return
        with closing(self._open()) as store:
            yield from _pages(store)


def _pages(store: Store) -> Iterator[pa.RecordBatch]:
    after = ""
    while (page := store.page(after, BLOCK_ROWS)).num_rows:
        yield page
        after = page.column("user_id")[-1].as_py()


def _open(asked: Asked) -> Source:
    assert asked.store is not None
    return StoreSource(asked.store, asked.types)


STORE = SourceKind(SCHEME, SCHEME, _open)
