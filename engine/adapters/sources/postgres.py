"""Recipients from a query to PostgreSQL: read by several connections in one snapshot, in the order of the key's bytes.

Ranges of the key are read side by side where an index leads to a range; where none does, each range would be a reading of all,
so one connection reads everything and PostgreSQL sorts it. The rows and their order are the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import cached_property

import pyarrow as pa

from engine.adapters.sources.kind import Asked, SourceKind
from engine.adapters.sources.lanes import in_order
from engine.adapters.sources.postgres_ranges import RangeReader, Selected, ranges
from engine.adapters.sources.postgres_session import Database, Session
from engine.adapters.sources.postgres_types import PostgresColumn, given
from engine.adapters.sources.query import Query, parse_query
from engine.adapters.sources.sessions import Sessions
from engine.audience.source import Source
from engine.conditions import POSTGRES as DIALECT
from engine.conditions import Pushdown, SqlColumn, split_sql
from engine.errors import InputError

SCHEME = "postgresql"
READERS = 4
RANGE_ROWS = 65_536


class PostgresSource:
    """The rows of one query."""

    def __init__(
        self,
        database: Database,
        query: Query,
        key: str,
        types: Mapping[str, pa.DataType],
        *,
        readers: int = READERS,
        range_rows: int = RANGE_ROWS,
    ) -> None:
        self.name = database.name
        self._query = query
        self._key = key
        self._readers = readers
        self._range_rows = range_rows
        self._sessions = Sessions(lambda: Session(database, query))
        with self._sessions.reading() as session:
            described = session.columns()
            self._columns = [given(each, types[each.name]) if each.name in types else each for each in described]
            self._bytewise = session.bytewise(self._columns)
            self._of_utf8 = session.rows("SHOW server_encoding")[0][0] == "UTF8"
        self.schema = pa.schema([pa.field(each.name, each.kind) for each in self._columns])

    def pushdown(self, condition: str, now: datetime, timezone: str) -> Pushdown[str]:
        columns = [
            SqlColumn(each.name, each.kind, each.exact and self._comparable(each), each.name in self._bytewise)
            for each in self._columns
        ]
        return split_sql(condition, columns, DIALECT, now, timezone)

    def snapshot(self) -> AbstractContextManager[None]:
        return self._sessions.snapshot()

    def count(self) -> int:
        with self._sessions.reading() as session:
            return int(session.rows(f"SELECT count(*) FROM {self._query.rows}")[0][0])  # noqa: S608

    def batches(self, columns: Sequence[str], filter: str | None = None) -> Iterator[pa.RecordBatch]:
        wanted = [each for name in columns for each in self._columns if each.name == name]
        schema = pa.schema([pa.field(each.name, each.kind) for each in wanted])
        with self._sessions.reading() as session:
            snapshot = session.rows("SELECT pg_export_snapshot()")[0][0]
            selected = Selected(self._query.rows, filter, self._key_column, wanted)
            parts = ranges(session, selected, self._range_rows)
            for batch in in_order(parts, lambda: self._range_reader(session, snapshot, selected), self._readers):
                arrays = [self._converted(each, batch.column(n)) for n, each in enumerate(wanted)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    @contextmanager
    def _range_reader(self, session: Session, snapshot: str, selected: Selected) -> Iterator[RangeReader]:
        with session.reader(snapshot) as reader:
            yield RangeReader(session, snapshot, reader, selected)

    @cached_property
    def _key_column(self) -> PostgresColumn:
        return next(each for each in self._columns if each.name == self._key)

    def _comparable(self, column: PostgresColumn) -> bool:
        return self._of_utf8 or not pa.types.is_string(column.kind)

    def _converted(self, column: PostgresColumn, values: pa.Array) -> pa.Array:
        try:
            return column.converted(values)
        except pa.ArrowInvalid as fault:
            raise InputError.single(
                "MR377",
                f"column `{column.name}` of {self.name} holds what is no {column.kind}: {' '.join(str(fault).split())[:150]}",
                place=self._query.written.place(),
                help="put the values right, or read them as text: `column::text` in the query",
            ) from fault


def _open(asked: Asked) -> Source:
    assert asked.query is not None and isinstance(asked.source, str)
    database = Database(asked.source, asked.password)
    return PostgresSource(database, parse_query(asked.query, "postgres"), asked.key, asked.types)


POSTGRES = SourceKind(SCHEME, SCHEME, _open)
