"""The store's tables in PostgreSQL, read and written in whole batches: ADBC carries the rows, and psycopg puts values into statements,
for COPY, by which the rows travel, takes no parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pyarrow as pa
from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]

from engine.adapters.stores.pool import PooledConnection
from engine.adapters.stores.pool_tables import PoolTables, Result

_WITHOUT_COPY = {"adbc.postgresql.use_copy": "false"}  # one row, or what writes
BATCH_BYTES = 1 << 19
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\"})
_NO_SUCH_VALUE = ("22", "54")  # SQLSTATE classes: data exception, program limit exceeded


class ArrowTables(PoolTables):
    """As PoolTables, with statements whose rows are Arrow's."""

    def recent(self, work: Callable[[PooledConnection], Result]) -> Result:
        """Read from the primary, or from a replica that is recent enough."""
        return self._repeated(self._pool.reading, work)

    def found(self, connection: PooledConnection, name: str, /, **values: object) -> pa.Table:
        """What a statement finds."""
        with connection.arrow.cursor() as cursor:
            cursor.execute(self._whole(connection, name, values))
            with _rows_lost():
                return cursor.fetch_arrow_table()

    def changed(self, connection: PooledConnection, name: str, /, **values: object) -> pa.Table:
        """What a statement that writes or locks has found; or one that finds few rows, for by COPY the server is asked twice."""
        with connection.arrow.cursor() as cursor:
            cursor.adbc_statement.set_options(**_WITHOUT_COPY)
            cursor.execute(self._whole(connection, name, values))
            with _rows_lost():
                return cursor.fetch_arrow_table()

    def row(self, connection: PooledConnection, name: str, /, **values: object) -> tuple[Any, ...] | None:
        """The first row that a statement finds."""
        with connection.arrow.cursor() as cursor:
            cursor.adbc_statement.set_options(
                **{"adbc.postgresql.use_copy": "false"}
            )  # not for one row, nor for what writes
            cursor.execute(self._whole(connection, name, values))
            found: tuple[Any, ...] | None = cursor.fetchone()
            return found

    def batches(self, name: str, /, **values: object) -> Iterator[pa.RecordBatch]:
        """What a statement finds, in the order of an index, about BATCH_BYTES at a time as the server finds it. When the connection is
        lost, it is not repeated."""
        self._prepare()
        with self._pool.reading() as connection, connection.arrow.cursor() as cursor:
            self.row(connection, "in_order")
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
            cursor.execute(self._whole(connection, name, values))
            reader = cursor.fetch_record_batch()
            while True:
                with _rows_lost():
                    batch = next(reader, None)
                if batch is None:
                    return
                yield batch

    def ingest(self, connection: PooledConnection, table: str, rows: pa.RecordBatch) -> None:
        """Put rows into a temporary table of this name, which is empty again after the transaction."""
        with connection.arrow.cursor() as cursor:
            cursor.execute(f"SELECT to_regclass('pg_temp.{table}') IS NULL")
            if cursor.fetchone()[0]:
                cursor.execute(self.statement(table))
            cursor.adbc_ingest(table, rows, mode="append", temporary=True)

    def _whole(self, connection: PooledConnection, name: str, values: dict[str, object]) -> str:
        cursor = psycopg.ClientCursor(connection)
        return cursor.mogrify(self.statement(name).rstrip().removesuffix(";"), {**self._fixed, **values})


@contextmanager
def _rows_lost() -> Iterator[None]:
    """A connection that is lost while rows travel is Arrow's fault to tell, not the driver's."""
    try:
        yield
    except (OSError, pa.ArrowException) as fault:
        raise psycopg.OperationalError(str(fault)) from fault


def text_array(values: Iterable[str]) -> str:
    """An array as PostgreSQL reads it (section 8.15.2 of its manual); psycopg takes several times as long, value by value."""
    texts = [*values]
    whole = "".join(texts)
    if '"' in whole or "\\" in whole:
        texts = [each.translate(_ESCAPES) for each in texts]
    return '{"' + '","'.join(texts) + '"}' if texts else "{}"


@contextmanager
def refused_values(told: Callable[[str], None]) -> Iterator[None]:
    """``told`` hears of values that the server cannot take, in its words, and raises."""
    try:
        yield
    except dbapi.Error as fault:
        if (fault.sqlstate or "")[:2] in _NO_SUCH_VALUE:
            told(str(fault).partition("ERROR:")[2].partition("\n")[0].strip())
        raise
