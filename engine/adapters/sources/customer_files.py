"""Recipients from files of customers, as `mailray ingest customers` takes them: people of the store before they are in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

import pyarrow as pa

from engine.audience.connector import Connector
from engine.audience.store import USERS
from engine.conditions import Pushdown
from engine.errors import Diagnostic, InputError, Place
from engine.workflow.people import columns_of, own_columns


class CustomerFiles:
    """The columns that the store would have of the people in a connector's pages, and those of their attributes that are given a type.

    A row that the store would not take is an InputError (MR780).
    """

    def __init__(self, connector: Connector, types: Mapping[str, pa.DataType]) -> None:
        self.name = connector.name
        self._connector = connector
        own = [USERS.field(name) for name in own_columns(USERS.names)]
        self.schema = pa.schema([*own, *(pa.field(name, kind) for name, kind in types.items())])

    def pushdown(self, condition: str, now: datetime, timezone: str) -> Pushdown[None]:
        return Pushdown(None, None, condition)

    def snapshot(self) -> AbstractContextManager[None]:
        return nullcontext()

    def count(self) -> int:
        return sum(page.num_rows for page in self._pages())

    def batches(self, columns: Sequence[str], filter: None = None) -> Iterator[pa.RecordBatch]:
        wanted = pa.schema([self.schema.field(name) for name in columns])
        return (columns_of(page, wanted) for page in self._pages())

    def _pages(self) -> Iterator[pa.RecordBatch]:
        for page in self._connector.pages(None):
            if page.refused:
                raise InputError(
                    *(Diagnostic("MR780", each.reason, place=Place(each.source, each.line)) for each in page.refused)
                )
            yield _as_users(page.rows)


def _as_users(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Rows with all columns of USERS; who was not told anything of has none of it."""
    known = set(rows.schema.names)
    arrays = [rows.column(field.name) if field.name in known else _nothing(field, rows.num_rows) for field in USERS]
    return pa.RecordBatch.from_arrays(arrays, schema=USERS)


def _nothing(field: pa.Field, rows: int) -> pa.Array:
    return pa.nulls(rows, field.type) if field.nullable else pa.repeat(pa.scalar(0, field.type), rows)
