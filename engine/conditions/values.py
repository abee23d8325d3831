"""Expressions of any type over a batch: one query for all of a set, a column for each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.conditions.check import Checker, collect, sql_of
from engine.conditions.clock import with_row_clock
from engine.conditions.row_query import RowQuery

Mask = npt.NDArray[np.bool_]


class ValueSet:
    """Named expressions of any type over the columns of one schema, each evaluated at its row's time.

    What cannot be computed is null. ``types`` asks for other types than the expressions have; a value that such a type cannot hold is
    wrong, as is a number that is not finite. A set belongs to one thread.

    Raises:
        CampaignError: with all that is wrong with the expressions.
    """

    def __init__(
        self,
        expressions: Mapping[str, str],
        schema: pa.Schema,
        timezone: str,
        types: Mapping[str, pa.DataType],
        checker: Checker | None = None,
    ) -> None:
        """``checker``: one of that schema and zone that others use too, on the same thread."""
        checker = checker or Checker(schema, timezone)
        found = collect({name: partial(checker.check_value, text) for name, text in expressions.items()})
        self.types = {name: types.get(name, plain_type(kind)) for name, (_, kind) in found.items()}
        checked = [condition for condition, _ in found.values()]
        values = [f"TRY({sql_of(with_row_clock(each.expression))}) AS v{n}" for n, each in enumerate(checked)]
        self._query = RowQuery(values, checked, schema, timezone, checker.connection)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the set reads, in the schema's order."""
        return self._query.columns

    def evaluate(self, batch: pa.RecordBatch, at: pa.TimestampArray) -> dict[str, tuple[pa.Array, Mask]]:
        """For each expression its values, of its type, and where they are wrong (null there). ``at``: each row's time.

        Raises:
            InternalError: the batch has not the schema's columns, or the database failed.
        """
        table = self._query.table(batch, at)
        values = [_flat(table.column(number)) for number in range(table.num_columns)]
        return {name: fitted(value, kind) for (name, kind), value in zip(self.types.items(), values, strict=True)}


def fitted(values: pa.Array, kind: pa.DataType) -> tuple[pa.Array, Mask]:
    """The values as ``kind``, and where that cannot hold them, or they are no finite numbers; null there."""
    wrong = np.zeros(len(values), dtype=np.bool_)
    if pa.types.is_floating(values.type):
        wrong = np.asarray(pc.fill_null(pc.invert(pc.is_finite(values)), False), dtype=np.bool_)
        values = pc.if_else(pa.array(wrong), None, values)
    try:
        return pc.cast(values, kind), wrong
    except pa.ArrowInvalid:
        each = [_cast_one(value, kind) for value in values]
        unfit = np.fromiter((new is None and old.is_valid for new, old in zip(each, values, strict=True)), np.bool_)
        return pa.array(each, kind), wrong | unfit
    except pa.ArrowNotImplementedError:
        return pa.nulls(len(values), kind), wrong | np.asarray(pc.is_valid(values), dtype=np.bool_)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """An instant's type is UTC, whatever the session's zone is."""
    return pa.timestamp("us", "UTC") if pa.types.is_timestamp(kind) and kind.tz else kind


def _cast_one(value: pa.Scalar, kind: pa.DataType) -> Any:
    try:
        return value.cast(kind).as_py()
    except pa.ArrowInvalid:
        return None


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)
