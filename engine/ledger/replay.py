"""From a log of entries to the current state of each message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.errors import Diagnostic, InputError, Place
from engine.ledger.counts import Counts
from engine.ledger.entries import Log
from engine.ledger.states import ALLOWED, Reason, State
from engine.ledger.tally import Tally


@dataclass(frozen=True, slots=True)
class Standing:
    """Where each planned message stands; every column has one value a message, by its row in the outbox partition.

    ``last`` is the position in ``log`` of the message's latest entry, -1 for a message that only is planned.
    """

    planned_at: int
    state: NDArray[np.uint8]
    last: NDArray[np.int64]
    log: Log

    def __len__(self) -> int:
        return len(self.state)

    @property
    def attempt(self) -> NDArray[np.int64]:
        return self._of_last(self.log.attempt)

    @property
    def next_at(self) -> NDArray[np.int64]:
        return self._of_last(self.log.next_at)

    def rows(self, *states: State) -> NDArray[np.int64]:
        """The messages that are in one of the states, ascending."""
        return np.flatnonzero(np.isin(self.state, states))

    def counts(self) -> Counts:
        return Counts.of(self.state, self._of_last(self.log.reason))

    def tally(self) -> Tally:
        """The same, for writing on."""
        return Tally(self.counts(), self.state.tobytes())

    def as_table(self, keys: list[bytes]) -> pa.Table:
        """One row a message: index, key, state and reason by name, attempt, at, next_at, code, enhanced, detail, remote_id."""
        times = pa.timestamp("us", tz="UTC")
        at = np.where(self.last < 0, self.planned_at, self._of_last(self.log.at))
        return pa.table(
            {
                "index": pa.array(np.arange(len(self))),
                "key": pa.array(keys, pa.binary(16)),
                "state": _names(State).take(pa.array(self.state)),
                "reason": _names(Reason).take(pa.array(self._of_last(self.log.reason))),
                "attempt": pa.array(self.attempt),
                "at": pa.array(at, times),
                "next_at": pa.array(self.next_at, times, mask=self.next_at == 0),
                "code": pa.array(self._of_last(self.log.code)),
                "enhanced": self._text(self.log.enhanced),
                "detail": self._text(self.log.detail),
                "remote_id": self._text(self.log.remote_id),
            }
        )

    def _of_last(self, column: NDArray[Any]) -> NDArray[Any]:
        return np.append(column, 0)[self.last]

    def _text(self, column: pa.StringArray) -> pa.StringArray:
        return column.take(pa.array(self.last, mask=self.last < 0)).fill_null("")


def replay(planned: int, planned_at: int, log: Log, place: Place) -> Standing:
    """The standing of ``planned`` messages after ``log``.

    Raises InputError (MR604) when the log holds what no writer can have written; ``place`` is where it was read.
    """
    _check_range(planned, log, place)
    order = np.argsort(log.row, kind="stable")
    row, state = log.row[order], log.state[order]
    starts = np.ones(len(row), dtype=np.bool_)
    starts[1:] = row[1:] != row[:-1]
    before = np.where(starts, State.PLANNED, np.roll(state, 1))
    if not ALLOWED[before, state].all():
        wrong = int(np.argmin(ALLOWED[before, state]))
        raise damaged(
            place,
            f"message {row[wrong]} goes from {State(before[wrong]).name} to {State(state[wrong]).name}",
        )
    ends = np.roll(starts, -1)
    current = np.zeros(planned, dtype=np.uint8)
    last = np.full(planned, -1, dtype=np.int64)
    current[row[ends]] = state[ends]
    last[row[ends]] = order[ends]
    return Standing(planned_at, current, last, log)


def _check_range(planned: int, log: Log, place: Place) -> None:
    for column, size, name in (
        (log.row, planned, "message"),
        (log.state, len(State), "state"),
        (log.reason, len(Reason), "reason"),
    ):
        outside = (column < 0) | (column >= size)
        if outside.any():
            raise damaged(place, f"{name} {column[outside][0]} does not exist")


def damaged(place: Place, finding: str) -> InputError:
    """The refusal of a ledger that cannot be trusted."""
    return InputError(
        Diagnostic(
            "MR604",
            f"the ledger is damaged: {finding}",
            place,
            "nothing is sent from a damaged ledger; restore the file from a copy",
        )
    )


def _names(enumeration: type[State] | type[Reason]) -> pa.StringArray:
    return pa.array([member.name.lower() for member in enumeration])
