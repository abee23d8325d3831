"""The state of each message of a partition while it is being written, and the guard of the state table."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import InternalError
from engine.ledger.counts import Counts
from engine.ledger.entries import Entry
from engine.ledger.states import ALLOWED, Reason, State

_STATES = len(State)
_SKIPPED = State.SKIPPED.value  # an enumeration's member costs more to look up than all else here
_ALLOWED = ALLOWED.tobytes()  # a plain byte look-up is the fastest that there is for single entries


class Tally:
    """Mutable and not thread-safe: it belongs to one writer."""

    def __init__(self, counts: Counts, states: bytes) -> None:
        self._states = bytearray(states)
        self._count = list(counts.states)
        self._skipped = list(counts.skipped)

    def enter(self, entry: Entry) -> int:
        """Count an entry and return the state that it leaves. Raises InternalError when the state table forbids it."""
        row, after = entry.row, entry.state
        if not 0 <= row < len(self._states):
            raise InternalError.single("MR605", f"message {row} was never planned")
        before = self._states[row]
        if not _ALLOWED[before * _STATES + after]:
            raise InternalError.single(
                "MR606", f"message {row} cannot go from {State(before).name} to {State(after).name}"
            )
        self._move(row, before, after, entry.reason, 1)
        return before

    def enter_all(self, entries: Sequence[Entry]) -> list[int]:
        """Count entries, all or none, and return the states that they leave."""
        left: list[int] = []
        try:
            for entry in entries:
                left.append(self.enter(entry))
        except InternalError:
            self.take_back(entries[: len(left)], left)
            raise
        return left

    def take_back(self, entries: Sequence[Entry], left: Sequence[int]) -> None:
        """Undo ``enter_all``: the entries could not be written."""
        for entry, before in zip(reversed(entries), reversed(left), strict=True):
            self._move(entry.row, entry.state, before, entry.reason, -1)

    def _move(self, row: int, before: int, after: int, reason: int, skip: int) -> None:
        self._states[row] = after
        self._count[before] -= 1
        self._count[after] += 1
        if after == _SKIPPED or before == _SKIPPED:
            self._skipped[reason] += skip

    def state(self, row: int) -> State:
        return State(self._states[row])

    def counts(self) -> Counts:
        return Counts(tuple(self._count), tuple(self._skipped))


def fresh(planned: int) -> Tally:
    """The tally of messages of which nothing but the plan is known."""
    return Tally(Counts((planned, *(0,) * (_STATES - 1)), (0,) * len(Reason)), bytes(planned))
