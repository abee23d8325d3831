"""One query over the rows of a batch: what sets of conditions and of values have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from engine.conditions.check import TABLE, CheckedCondition
from engine.conditions.clock import ROW_CLOCK
from engine.conditions.columns import column_name
from engine.conditions.connection import connect
from engine.errors import InternalError


class RowQuery:
    """Expressions of SQL over the columns of one schema that are read, for sessions in one time zone.

    A query is pickled as its text, and a copy opens its own database with its first batch (about 15 ms). A query belongs to one
    thread.
    """

    def __init__(
        self,
        columns: Sequence[str],
        checked: Sequence[CheckedCondition],
        schema: pa.Schema,
        timezone: str,
        connection: duckdb.DuckDBPyConnection | None = None,
    ) -> None:
        read = {column for condition in checked for column in condition.columns}
        self._read = {
            column_name(index): schema.field(index) for index in range(len(schema)) if schema.names[index] in read
        }
        self._timezone = timezone
        self._query = f"SELECT {', '.join(columns)} FROM {TABLE}"  # noqa: S608
        self._connection = connection

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, in the schema's order."""
        return tuple(field.name for field in self._read.values())

    def arrays(self, batch: pa.RecordBatch, at: pa.Array | None) -> Mapping[str, Any]:
        """The results as numpy arrays. ``at``: the time of each row, where the query reads it.

        Raises:
            InternalError: the batch has not the schema's columns, or the database failed.
        """
        with self._opened(batch, at) as connection:
            return connection.execute(self._query).fetchnumpy()

    def table(self, batch: pa.RecordBatch, at: pa.Array | None) -> pa.Table:
        """The results as Arrow columns of one chunk; raises as ``arrays`` does."""
        with self._opened(batch, at) as connection:
            return connection.sql(self._query).to_arrow_table().combine_chunks()

    @contextmanager
    def _opened(self, batch: pa.RecordBatch, at: pa.Array | None) -> Iterator[duckdb.DuckDBPyConnection]:
        table = self._table(batch, at)
        if self._connection is None:
            self._connection = connect(self._timezone)
        try:
            self._connection.register(TABLE, table)
            yield self._connection
        except duckdb.Error as error:
            self._connection = None  # whatever state it is in
            raise InternalError.single("MR209", f"conditions could not be evaluated: {error}") from error
        self._connection.unregister(TABLE)

    def _table(self, batch: pa.RecordBatch, at: pa.Array | None) -> pa.RecordBatch:
        columns = {}
        for name, field in self._read.items():
            index = batch.schema.get_field_index(field.name)
            if index < 0 or batch.schema.field(index).type != field.type:
                message = f"the batch has no column `{field.name}` of type {field.type}"
                raise InternalError.single("MR209", message)
            columns[name] = batch.column(index)
        if at is not None:
            columns[ROW_CLOCK] = at
        return pa.RecordBatch.from_pydict(columns or {"c": pa.nulls(batch.num_rows, pa.int8())})

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_connection": None}
