"""The executions of one workflow in a partition: those that are alive as columns, of the others only what a rule may ask for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.pipeline.simulation.people import Mask, Persons
from engine.workflow.cohort import NEVER, Instants
from engine.workflow.executions import ALIVE, EXECUTIONS, INSTANT, State

BEFORE = -(2**62)
"""Earlier than every instant."""
STATES = tuple(State)
Rows = npt.NDArray[np.int64]


class Passages:
    """``executions`` (EXECUTIONS) are those alive, of ``person`` each; ``branch`` is the split that it took last, -1 before.

    ``stale`` are those that have not been worked on up to the end of the present slice. ``entered`` and ``ended`` are by person, of
    the last execution (BEFORE, if there was none; NEVER, while it is alive), ``done`` when the first came to its end.
    """

    def __init__(self, people: int) -> None:
        self.executions = pa.RecordBatch.from_pylist([], schema=EXECUTIONS)
        self.person: Persons = np.zeros(0, dtype=np.int64)
        self.branch = np.zeros(0, dtype=np.int32)
        self.stale: Mask = np.zeros(0, dtype=np.bool_)
        self.entered: Instants = np.full(people, BEFORE, dtype=np.int64)
        self.ended: Instants = np.full(people, BEFORE, dtype=np.int64)
        self.done: Instants = np.full(people, NEVER, dtype=np.int64)

    @property
    def due(self) -> Instants:
        return np.asarray(self.executions.column("due").view(pa.int64()).fill_null(NEVER), dtype=np.int64)

    def alive_at(self, persons: Persons, at: Instants) -> Mask:
        """Who has one that is alive at an instant; in the instant of its end it still is."""
        alive: Mask = (self.entered[persons] <= at) & (self.ended[persons] >= at)
        return alive

    def begin(self, entries: pa.RecordBatch, persons: Persons) -> None:
        """Begin executions for ENTRIES, of different people."""
        at = np.asarray(entries.column("at").view(pa.int64()), dtype=np.int64)
        self._append(_begun(entries), persons, np.full(len(persons), -1, dtype=np.int32), stale=True)
        self.entered[persons] = at
        self.ended[persons] = NEVER

    def replace(self, rows: Rows, executions: pa.RecordBatch, branch: npt.NDArray[np.int32]) -> npt.NDArray[np.int8]:
        """Put what has become of some executions in their place; those that have ended go. Gives the states' places in STATES."""
        states = executions.column("state").dictionary_encode()
        code = np.array([STATES.index(State(each)) for each in states.dictionary.to_pylist()], dtype=np.int8)
        state: npt.NDArray[np.int8] = code[states.indices.to_numpy()]
        persons = self.person[rows]
        over = ~np.isin(state, [STATES.index(each) for each in ALIVE])
        ended = np.asarray(executions.column("ended_at").view(pa.int64()).fill_null(NEVER), dtype=np.int64)
        self.ended[persons[over]] = ended[over]
        done = state == STATES.index(State.DONE)
        self.done[persons[done]] = np.minimum(self.done[persons[done]], ended[done])
        self._drop(rows)
        kept = executions.filter(pa.array(~over)) if over.any() else executions
        self._append(kept, persons[~over], branch[~over], stale=False)
        return state

    def _drop(self, rows: Rows) -> None:
        stays = np.ones(len(self.person), dtype=np.bool_)
        stays[rows] = False
        self.executions = self.executions.filter(pa.array(stays))
        self.person, self.branch, self.stale = self.person[stays], self.branch[stays], self.stale[stays]

    def _append(
        self, executions: pa.RecordBatch, persons: Persons, branch: npt.NDArray[np.int32], *, stale: bool
    ) -> None:
        if not len(persons):
            return
        self.executions = pa.concat_batches([self.executions, executions]) if len(self.person) else executions
        self.person = np.concatenate([self.person, persons])
        self.branch = np.concatenate([self.branch, branch])
        self.stale = np.concatenate([self.stale, np.full(len(persons), stale)])


def _begun(entries: pa.RecordBatch) -> pa.RecordBatch:
    """ENTRIES as a store begins them: ready at once, with the first row of history behind them."""
    rows, at = entries.num_rows, entries.column("at").cast(INSTANT)
    columns = {name: entries.column(name) for name in entries.schema.names if name != "at"} | {
        **{name: pa.repeat(pa.scalar(0, pa.int32()), rows) for name in ("occurrence", "retry_count")},
        **{name: pa.repeat(pa.scalar(0, pa.int64()), rows) for name in ("claim", "seen")},
        **dict.fromkeys(("entered_at", "arrived_at", "due"), at),
        **{"state": pa.repeat(str(State.READY), rows), "moves": pa.repeat(pa.scalar(1, pa.int32()), rows)},
    }
    arrays = [columns.get(field.name, pa.nulls(rows, field.type)) for field in EXECUTIONS]
    return pa.RecordBatch.from_arrays(arrays, schema=EXECUTIONS)
