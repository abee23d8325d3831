"""All columns that the executions of a batch may read, by name: the person's, segments, and what steps have written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.conditions import ConditionSet
from engine.conditions.workflow import EVENT

Rows = npt.NDArray[np.int64]


class Frame:
    """n rows. ``segments`` are evaluated for whoever asks, at their time, unless ``columns`` has them already."""

    def __init__(self, users: pa.StringArray, columns: Mapping[str, pa.Array], segments: ConditionSet | None) -> None:
        self.users = users
        self._columns = dict(columns)
        self._segments = segments
        self._segment_names = frozenset(segments.names if segments else ()) - columns.keys()

    def __len__(self) -> int:
        return len(self.users)

    def column(self, name: str) -> pa.Array:
        return self._columns[name]

    def snapshot(self, names: Collection[str]) -> dict[str, pa.Array]:
        """Some columns as they are now."""
        return {name: self._columns[name] for name in names}

    def select(self, column: pa.Array, rows: Rows) -> pa.Array:
        return column if len(rows) == len(self.users) else column.take(pa.array(rows))

    def batch(
        self, names: Sequence[str], rows: Rows, times: pa.TimestampArray, event: pa.StructArray | None = None
    ) -> pa.RecordBatch:
        """The rows of some columns; ``event`` stands for the column of that name."""
        if not names:
            return pa.RecordBatch.from_pydict({"": pa.nulls(len(rows))})
        wanted = [name for name in names if name in self._segment_names]
        found = self._evaluate(rows, times) if wanted else {}
        for name in names:
            if name == EVENT and event is not None:
                found[name] = event
            elif name not in found:
                found[name] = self.select(self._columns[name], rows)
        return pa.RecordBatch.from_arrays([found[name] for name in names], names=list(names))

    def write(self, name: str, rows: Rows, values: pa.Array) -> None:
        """Put values (one for each of ``rows``, which ascend) into a column."""
        column = self._columns[name]
        if len(rows) == len(column):
            self._columns[name] = values
            return
        mask = np.zeros(len(column), dtype=np.bool_)
        mask[rows] = True
        self._columns[name] = pc.replace_with_mask(column, pa.array(mask), values)

    def _evaluate(self, rows: Rows, times: pa.TimestampArray) -> dict[str, pa.Array]:
        assert self._segments is not None
        masks = self._segments.evaluate(self.batch(self._segments.columns, rows, times), times)
        return {name: pa.array(masks[name]) for name in self._segment_names}
