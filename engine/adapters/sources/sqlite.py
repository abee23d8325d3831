"""Recipients from a query to a SQLite file: opened for reading only, one read transaction, in the order of the key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote as percent

import adbc_driver_manager
import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa

from engine.adapters.sources.kind import Asked, SourceKind
from engine.adapters.sources.query import Query, parse_query
from engine.adapters.sources.sessions import Sessions
from engine.adapters.sources.sqlite_types import SqliteColumn, declared, given, of_values, quote
from engine.audience.partitions import BLOCK_ROWS
from engine.audience.source import Source
from engine.conditions import SQLITE as DIALECT
from engine.conditions import Pushdown, SqlColumn, split_sql
from engine.errors import InputError, MailrayError, MissingInputError, TryAgainError, did_you_mean

SCHEME = "sqlite"
_PATIENCE_MILLISECONDS = 5_000
_VIEW = '"mailray audience"'
_MISSING = re.compile(r"no such (column|table): (\S+)")
_NEAR = re.compile(r'near "(.+?)": ')
_MISMATCH = re.compile(r"Type mismatch in column (\d+): expected \w+ but got (\w+)")
Rows = Sequence[tuple[Any, ...]]


class SqliteSource:
    """The rows of one query."""

    def __init__(self, path: Path, query: Query, key: str, types: Mapping[str, pa.DataType]) -> None:
        self.name = f"{SCHEME}:///{path}"
        self._path = path
        self._query = query
        self._key = key
        self._sessions = Sessions(self._open)
        with self._sessions.reading() as session:
            self._columns = session.columns(types)
        self.schema = pa.schema([pa.field(each.name, each.kind) for each in self._columns])

    def pushdown(self, condition: str, now: datetime, timezone: str) -> Pushdown[str]:
        columns = [SqlColumn(each.name, each.kind, each.exact) for each in self._columns]
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
            for batch in session.batches(self._statement(wanted, filter), wanted):
                yield pa.RecordBatch.from_arrays(batch, schema=schema)

    def _statement(self, wanted: Sequence[SqliteColumn], filter: str | None) -> str:
        """Values of each column's type, then the rows. LIMIT -1 is no limit and keeps SQLite from leaving the order out."""
        where = "" if filter is None else f"WHERE {filter}"
        order = [f"{quote(self._key)} COLLATE BINARY"]
        order += [f"{quote(each.name)} COLLATE BINARY NULLS LAST" for each in wanted if each.name != self._key]
        return (
            f"SELECT {', '.join(each.sentinel for each in wanted)} UNION ALL SELECT * FROM ("  # noqa: S608
            f"SELECT {', '.join(each.sql for each in wanted)} FROM {self._query.rows} {where} "
            f"ORDER BY {', '.join(order)} LIMIT -1)"
        )

    def _open(self) -> _Session:
        if not self._path.is_file():
            help = "`sqlite:///` begins in the campaign's folder, `sqlite:////` at the root"
            raise MissingInputError.single("MR378", f"there is no SQLite file {self._path}", help=help)
        return _Session(self._path, self._query)


class _Session:
    """One connection with one read transaction, which begins with the first thing that is read."""

    def __init__(self, path: Path, query: Query) -> None:
        self._path = path
        self._query = query
        self._connection = self._do(lambda: adbc.connect(f"file:{percent(str(path.absolute()))}?mode=ro"))
        try:
            self._run(f"PRAGMA busy_timeout = {_PATIENCE_MILLISECONDS}")
            self.rows("SELECT count(*) FROM sqlite_master")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def rows(self, statement: str) -> Rows:
        found: Rows = self._do(lambda: self._fetched(statement))
        return found

    def columns(self, types: Mapping[str, pa.DataType]) -> list[SqliteColumn]:
        """The columns of the query; those in ``types`` are of these types."""
        self._run(f"CREATE TEMP VIEW {_VIEW} AS {self._query.text}")
        found = self.rows(f"SELECT name, type FROM pragma_table_info('{_VIEW.strip(chr(34))}')")  # noqa: S608
        known = {name: given(name, types[name]) if name in types else declared(name, type) for name, type in found}
        classes = self._classes([name for name, column in known.items() if column is None])
        return [column or of_values(name, classes[name]) for name, column in known.items()]

    def batches(self, statement: str, columns: Sequence[SqliteColumn]) -> Iterator[list[pa.Array]]:
        with self._do(self._connection.cursor) as cursor:
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BLOCK_ROWS)})
            self._do(lambda: cursor.execute(statement), columns)
            reader = self._do(cursor.fetch_record_batch)
            for column, kind in zip(columns, reader.schema.types, strict=True):
                if str(kind) != column.raw:
                    raise self._misfit(column, f"it holds {kind}")
            skipped = 1  # the sentinels
            while True:
                batch = self._do(lambda: next(reader, None), columns)
                if batch is None:
                    return
                yield [self._converted(each, batch.column(n)[skipped:]) for n, each in enumerate(columns)]
                skipped = 0

    def _classes(self, names: Sequence[str]) -> dict[str, set[str]]:
        """The classes of the values in each column, nulls left out."""
        classes = ("integer", "real", "text", "blob")
        if not names:
            return {}
        tests = [f"coalesce(max(typeof({quote(name)}) = '{each}'), 0)" for name in names for each in classes]
        flags = iter(self.rows(f"SELECT {', '.join(tests)} FROM {self._query.rows}")[0])  # noqa: S608
        return {name: {each for each in classes if next(flags)} for name in names}

    def _converted(self, column: SqliteColumn, values: pa.Array) -> pa.Array:
        try:
            return column.converted(values)
        except pa.ArrowInvalid as fault:
            raise self._misfit(column, str(fault)) from fault

    def _misfit(self, column: SqliteColumn, words: str) -> InputError:
        shown = " ".join(words.split())[:150]
        return InputError.single(
            "MR377",
            f"column `{column.name}` of {self._path} holds what is no {column.kind}: {shown}",
            place=self._query.written.place(),
            help="put the values right, or read them as text: CAST(... AS TEXT) in the query",
        )

    def _run(self, statement: str) -> None:
        self._do(lambda: self._fetched(statement))

    def _fetched(self, statement: str) -> Rows:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def _do(self, work: Callable[[], Any], columns: Sequence[SqliteColumn] = ()) -> Any:
        try:
            return work()
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as fault:
            raise self._told(str(fault), columns) from fault

    def _told(self, fault: str, columns: Sequence[SqliteColumn]) -> MailrayError:
        words = fault.split("\nquery:")[0].rpartition("query: ")[2].rpartition("[SQLite] ")[2].strip()
        mismatch = _MISMATCH.search(fault)
        if mismatch:
            return self._misfit(columns[int(mismatch[1])], f"it holds {mismatch[2].lower()}")
        if "locked" in words or "busy" in words:
            return TryAgainError.single(
                "MR380", f"{self._path} is locked by another program", help="try again when that program is done"
            )
        if any(each in words for each in ("not a database", "malformed", "unable to open", "disk I/O")):
            return InputError.single("MR379", f"{self._path} cannot be read as a SQLite file: {words}")
        missing = _MISSING.search(words)
        if missing:
            name = missing[2].rpartition(".")[2]
            return self._query.wrong(words, self._offset(name), did_you_mean(name, self._known(missing[1])))
        near = _NEAR.search(words)
        return self._query.wrong(words, self._offset(near[1]) if near else None)

    def _offset(self, name: str) -> int | None:
        found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", self._query.written.text)
        return found.start() if found else None

    def _known(self, what: str) -> list[str]:
        tables = [row[0] for row in self._fetched("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
        if what == "table":
            return tables
        read = [each for each in tables if each in self._query.tables]
        columns = [self._fetched(f"SELECT name FROM pragma_table_info({_text(each)})") for each in read]  # noqa: S608
        return [row[0] for rows in columns for row in rows]


def _text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _open(asked: Asked) -> Source:
    assert asked.query is not None and isinstance(asked.source, str)
    path = asked.folder / asked.source.removeprefix(f"{SCHEME}:///")
    return SqliteSource(path, parse_query(asked.query, SCHEME), asked.key, asked.types)


SQLITE = SourceKind(SCHEME, SCHEME, _open)
