"""What has happened outside: events of persons and answers to calls, as columns, and in the order in which executions meet them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.campaign.automation import Properties
from engine.conditions.workflow import properties_type
from engine.workflow.cohort import NEVER, REPLY, Instants, Replies
from engine.workflow.executions import INSTANT
from engine.workflow.json_columns import read_foreign
from engine.workflow.standing import Rows, Standing

ARRIVALS = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),  # in the order in which they came; from 1
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("event", pa.string()),  # null: the person's columns have changed
        pa.field("at", INSTANT, nullable=False),
        pa.field("properties", pa.string()),  # a JSON object
    ]
)
"""One row an event. A person's events are told in the order of ``position``; to tell one again changes nothing."""

REPLIES = pa.schema(
    [
        pa.field("execution_id", pa.string(), nullable=False),
        pa.field("step", pa.string(), nullable=False),
        pa.field("occurrence", pa.int32(), nullable=False),
        pa.field("attempt", pa.int32(), nullable=False),
        pa.field("at", INSTANT, nullable=False),
        pa.field("good", pa.bool_(), nullable=False),
        pa.field("again", pa.bool_(), nullable=False),  # a failure that may pass
        pa.field("again_at", INSTANT),  # no earlier than this
        pa.field("error", pa.string()),
        pa.field("body", pa.string()),  # a JSON object with what `response` names
    ]
)
"""One row an answer, or the failure to get one. An answer to another call than the one that is waited for is left out."""


class Arrivals:
    """Each execution's arrivals, in order of time and then ``event_id``."""

    def __init__(self, arrivals: pa.RecordBatch, standing: Standing, alive: Rows, clock: int) -> None:
        users = standing.column("user_id").take(pa.array(alive))
        place = pc.index_in(arrivals.column("user_id"), value_set=users)
        concerned = np.flatnonzero(np.asarray(pc.is_valid(place)))
        rows = alive[np.asarray(place.take(pa.array(concerned)), dtype=np.int64)]
        at = np.asarray(arrivals.column("at").view(pa.int64()).take(pa.array(concerned)), dtype=np.int64)
        at = np.minimum(at, clock)  # a sender's clock may be ahead
        position = np.asarray(arrivals.column("position").take(pa.array(concerned)), dtype=np.int64)
        later = (at > standing.entered[rows]) & (position > standing.seen[rows])
        np.maximum.at(standing.seen, rows, position)
        concerned, rows, at = concerned[later], rows[later], at[later]
        names = pa.table({"row": rows, "at": at, "id": arrivals.column("event_id").take(pa.array(concerned))})
        order = np.asarray(pc.sort_indices(names, [("row", "ascending"), ("at", "ascending"), ("id", "ascending")]))
        self.at = at[order]
        self._arrivals = arrivals.take(pa.array(concerned[order]))
        sorted_rows = rows[order]
        self._next = np.searchsorted(sorted_rows, np.arange(len(standing)), side="left")
        self._stop = np.searchsorted(sorted_rows, np.arange(len(standing)), side="right")
        self._known: dict[str, pa.StructArray] = {}

    def time(self, rows: Rows, standing: Standing) -> Instants:
        """When each execution meets its next arrival, never before it came to its step; NEVER where there is none."""
        place = self._next[rows]
        waiting = place < self._stop[rows]
        at = self.at[np.where(waiting, place, 0)] if len(self.at) else np.zeros(len(rows), dtype=np.int64)
        return np.where(waiting, np.maximum(at, standing.arrived[rows]), NEVER)

    def take(self, rows: Rows) -> Rows:
        """The places of the executions' next arrivals, which are thereby behind them."""
        places = self._next[rows].copy()
        self._next[rows] += 1
        return places

    def events(self, places: Rows) -> Mapping[str | None, npt.NDArray[np.int64]]:
        """By event, which of ``places`` are such."""
        names = self._arrivals.column("event").take(pa.array(places)).dictionary_encode()
        codes = np.asarray(names.indices.fill_null(-1), dtype=np.int64)
        known: list[str | None] = [*names.dictionary.to_pylist(), None]
        return {known[code]: np.flatnonzero(codes == code) for code in np.unique(codes)}

    def properties(self, places: Rows, declared: Properties) -> pa.StructArray:
        kind = properties_type(declared)
        read = read_foreign(self._arrivals.column("properties").take(pa.array(places)), {f.name: f.type for f in kind})
        return pa.StructArray.from_arrays(list(read.values()), fields=list(kind))


class Answers:
    """For each execution that waits for an answer to a call, the answer, if it is here."""

    def __init__(self, replies: pa.RecordBatch, standing: Standing, clock: int) -> None:
        self._replies = replies
        self._place = np.full(len(standing), -1, dtype=np.int64)
        self._at = np.full(len(standing), NEVER, dtype=np.int64)
        rows = np.asarray(
            pc.index_in(replies.column("execution_id"), value_set=standing.ids).fill_null(-1), dtype=np.int64
        )
        step = np.asarray(pc.index_in(replies.column("step"), value_set=pa.array(standing.steps)).fill_null(-1))
        occurrence, attempt = (np.asarray(replies.column(name)) for name in ("occurrence", "attempt"))
        at = np.asarray(replies.column("at").view(pa.int64()), dtype=np.int64)
        awaited = standing.awaits[rows] == (standing.names.index(REPLY) if REPLY in standing.names else -2)
        meant = awaited & (rows >= 0) & (step == standing.step[rows]) & (occurrence == standing.occurrence[rows])
        meant &= attempt == standing.tries[rows] + 1
        first = np.flatnonzero(meant)[::-1]  # of two to one call, the first counts
        self._place[rows[first]] = first
        self._at[rows[first]] = np.minimum(at[first], clock)

    def time(self, rows: Rows, standing: Standing) -> Instants:
        return np.where(self._place[rows] >= 0, np.maximum(self._at[rows], standing.arrived[rows]), NEVER)

    def take(self, rows: Rows) -> Replies:
        taken = self._replies.take(pa.array(self._place[rows]))
        self._place[rows] = -1
        again_at = taken.column("again_at").view(pa.int64()).fill_null(0)
        good, again = (np.asarray(taken.column(name), dtype=np.bool_) for name in ("good", "again"))
        return Replies(good, again, taken.column("error"), taken.column("body"), np.asarray(again_at, dtype=np.int64))
