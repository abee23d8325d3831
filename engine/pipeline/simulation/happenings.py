"""What happens to the people of a partition, in the order of time, and whom of the workflows it concerns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.pipeline.simulation.people import Persons
from engine.pipeline.simulation.program import SimulatedProgram
from engine.workflow.news import ARRIVALS

Rows = npt.NDArray[np.int64]


class Happenings:
    """Events of people who are known, each once. ``strangers`` is how many were of nobody, ``repeated`` how many were told again."""

    def __init__(self, events: pa.Table, keys: pa.StringArray, programs: Sequence[SimulatedProgram]) -> None:
        person = pc.index_in(events.column("user_id"), value_set=keys)
        self.strangers: int = person.null_count
        events = events.filter(pc.is_valid(person)).append_column("person", person.filter(pc.is_valid(person)))
        first = _first_told(events)
        self.repeated = events.num_rows - len(first)
        events = events.take(pa.array(first)).sort_by([("at", "ascending"), ("event_id", "ascending")])
        self._events = events.combine_chunks()
        self.person: Persons = events.column("person").to_numpy().astype(np.int64)
        self.at = events.column("at").cast(pa.int64()).to_numpy()
        kinds = events.column("event").combine_chunks().dictionary_encode()
        kinds = kinds.combine_chunks() if isinstance(kinds, pa.ChunkedArray) else kinds
        codes, names = kinds.indices.to_numpy(), kinds.dictionary.to_pylist()
        self._concerned = [
            _of_kinds(codes, [each.watches or name in each.mentioned for name in names]) for each in programs
        ]
        self._beginning = [_of_kinds(codes, [name == each.trigger_event for name in names]) for each in programs]

    def __len__(self) -> int:
        return len(self.at)

    def between(self, after: int, until: int) -> slice:
        """The events behind an instant and up to another."""
        return slice(*np.searchsorted(self.at, [after, until], side="right").tolist())

    def concerning(self, workflow: int, when: slice) -> Rows:
        """Which of them the executions of a workflow are told."""
        rows: Rows = np.flatnonzero(self._concerned[workflow][when]) + when.start
        return rows

    def beginning(self, workflow: int, when: slice) -> Rows:
        """Which of them let people enter a workflow."""
        rows: Rows = np.flatnonzero(self._beginning[workflow][when]) + when.start
        return rows

    def items(self, workflow: int) -> Rows:
        """All that are work for a workflow."""
        return np.flatnonzero(self._concerned[workflow] | self._beginning[workflow])

    def arrivals(self, rows: Rows, base: int) -> pa.RecordBatch:
        """Some events as ARRIVALS, with positions behind ``base``."""
        taken = self._events.take(pa.array(rows))
        columns = [pa.array(base + 1 + rows), *(taken.column(name) for name in ARRIVALS.names[1:])]
        return pa.RecordBatch.from_arrays([_chunk(each) for each in columns], schema=ARRIVALS)


def changes(keys: pa.StringArray, at: int, base: int) -> pa.RecordBatch:
    """That the columns of some people have changed, as ARRIVALS at the position ``base``."""
    rows, texts = len(keys), pa.nulls(len(keys), pa.string())
    instants = pa.repeat(pa.scalar(at, pa.int64()), rows).view(pa.timestamp("us", "UTC"))
    position = pa.repeat(pa.scalar(base, pa.int64()), rows)
    return pa.RecordBatch.from_arrays([position, pa.repeat("", rows), keys, texts, instants, texts], schema=ARRIVALS)


def _first_told(events: pa.Table) -> Rows:
    """Of each person's events the rows that have not been told before, by their ids."""
    ids = events.column("event_id").combine_chunks().dictionary_encode()
    ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    codes = events.column("person").to_numpy().astype(np.int64) * (len(ids.dictionary) + 1) + ids.indices.to_numpy()
    return np.sort(np.unique(codes, return_index=True)[1])


def _of_kinds(codes: npt.NDArray[np.int32], chosen: Sequence[bool]) -> npt.NDArray[np.bool_]:
    return np.array(chosen, dtype=np.bool_)[codes] if len(chosen) else np.zeros(len(codes), dtype=np.bool_)


def _chunk(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
