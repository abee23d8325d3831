"""Conditions over a batch: one query for all of a set, a mask for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlglot import exp

from engine.conditions.check import CheckedCondition, Checker, collect, sql_of
from engine.conditions.clock import with_clock, with_row_clock
from engine.conditions.row_query import RowQuery

Mask = npt.NDArray[np.bool_]


class ConditionSet:
    """Named conditions over the columns of one schema, at one instant, or (``now`` is None) at a time of each row's own.

    A row is chosen if the condition is true; null, and a value that cannot be computed (an overflow), choose it not.
    A set is pickled as its definition, and a copy opens its own database with its first batch (about 15 ms). A set
    belongs to one thread.

    Raises:
        CampaignError: with all that is wrong with the conditions.
        ValueError: ``now`` has no offset.
    """

    def __init__(
        self,
        conditions: Mapping[str, str],
        schema: pa.Schema,
        now: datetime | None,
        timezone: str,
        checker: Checker | None = None,
    ) -> None:
        """``checker``: one of that schema and zone that others use too, on the same thread."""
        self.names = tuple(conditions)
        checker = checker or Checker(schema, timezone)
        checked = _check_all(conditions, checker)
        clock = _clock(now, timezone)
        expressions = [sql_of(clock(condition.expression)) for condition in checked]
        masks = [f"coalesce(TRY({sql}), false) AS m{number}" for number, sql in enumerate(expressions)]
        self._query = RowQuery(masks, checked, schema, timezone, checker.connection)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the set reads, in the schema's order."""
        return self._query.columns

    def evaluate(self, batch: pa.RecordBatch, at: pa.TimestampArray | None = None) -> dict[str, Mask]:
        """For each condition a mask over the batch's rows, in their order; other columns than those read do not matter.

        ``at`` (UTC microseconds) is each row's time, for a set without a clock of its own.

        Raises:
            InternalError: the batch has not the schema's columns, or the database failed.
        """
        if not self.names:
            return {}
        if batch.num_rows == 0:
            return {name: np.zeros(0, dtype=np.bool_) for name in self.names}
        found = self._query.arrays(batch, at)
        return {name: np.asarray(found[f"m{number}"], dtype=np.bool_) for number, name in enumerate(self.names)}


def _clock(now: datetime | None, timezone: str) -> Callable[[exp.Expr], exp.Expr]:
    return with_row_clock if now is None else partial(with_clock, now=now, timezone=timezone)


def _check_all(conditions: Mapping[str, str], checker: Checker) -> list[CheckedCondition]:
    """All conditions, checked. Raises CampaignError with all that is wrong with any."""
    return list(collect({name: partial(checker.check, text) for name, text in conditions.items()}).values())
