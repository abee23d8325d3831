"""Conditions over a batch: one query for all of a set, a mask for each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.conditions.check import TABLE, CheckedCondition, Checker, sql_of
from engine.conditions.clock import with_clock
from engine.conditions.columns import column_name
from engine.conditions.connection import connect
from engine.errors import CampaignError, Diagnostic, InternalError

Mask = npt.NDArray[np.bool_]


class ConditionSet:
    """Named conditions over the columns of one schema, at one instant.

    A row is chosen if the condition is true; null, and a value that cannot be computed (an overflow), choose it not.
    A set is pickled as its definition, and a copy opens its own database with its first batch (about 15 ms). A set
    belongs to one thread.

    Raises:
        CampaignError: with all that is wrong with the conditions.
        ValueError: ``now`` has no offset.
    """

    def __init__(self, conditions: Mapping[str, str], schema: pa.Schema, now: datetime, timezone: str) -> None:
        self._names = tuple(conditions)
        self._timezone = timezone
        checker = Checker(schema, timezone)
        checked = _check_all(conditions, checker)
        read = {column for condition in checked for column in condition.columns}
        self._read = {
            column_name(index): schema.field(index) for index in range(len(schema)) if schema.names[index] in read
        }
        expressions = [sql_of(with_clock(condition.expression, now, timezone)) for condition in checked]
        masks = ", ".join(f"coalesce(TRY({sql}), false) AS m{number}" for number, sql in enumerate(expressions))
        self._query = f"SELECT {masks} FROM {TABLE}"  # noqa: S608
        self._connection: duckdb.DuckDBPyConnection | None = checker.connection

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the set reads, in the schema's order."""
        return tuple(field.name for field in self._read.values())

    def evaluate(self, batch: pa.RecordBatch) -> dict[str, Mask]:
        """For each condition a mask over the batch's rows, in their order; other columns than those read do not matter.

        Raises:
            InternalError: the batch has not the schema's columns, or the database failed.
        """
        if not self._names:
            return {}
        if batch.num_rows == 0:
            return {name: np.zeros(0, dtype=np.bool_) for name in self._names}
        table = self._table(batch)
        if self._connection is None:
            self._connection = connect(self._timezone)
        try:
            self._connection.register(TABLE, table)
            found = self._connection.execute(self._query).fetchnumpy()
        except duckdb.Error as error:
            self._connection = None  # whatever state it is in
            raise InternalError.single("MR209", f"conditions could not be evaluated: {error}") from error
        self._connection.unregister(TABLE)
        return {name: np.asarray(found[f"m{number}"], dtype=np.bool_) for number, name in enumerate(self._names)}

    def _table(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = {}
        for name, field in self._read.items():
            index = batch.schema.get_field_index(field.name)
            if index < 0 or batch.schema.field(index).type != field.type:
                message = f"the batch has no column `{field.name}` of type {field.type}"
                raise InternalError.single("MR209", message)
            columns[name] = batch.column(index)
        return pa.RecordBatch.from_pydict(columns or {"c": pa.nulls(batch.num_rows, pa.int8())})

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_connection": None}


def _check_all(conditions: Mapping[str, str], checker: Checker) -> list[CheckedCondition]:
    checked: list[CheckedCondition] = []
    faults: list[Diagnostic] = []
    for text in conditions.values():
        try:
            checked.append(checker.check(text))
        except CampaignError as error:
            faults.extend(error.diagnostics)
    if faults:
        raise CampaignError(*faults)
    return checked
