"""Effects that are still to be applied, as the driver hands them out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.campaign.schema import Priority
from engine.pipeline.automation.contract import LEASE
from engine.workflow.executions import EffectKind, ExecutionStore

MOST = 8_192
"""Effects that are leased at a time."""
PAUSE = 2_000_000
"""Microseconds after which those that could not be applied are handed out again."""
LOOK = 1_000_000
"""Microseconds after which it is looked again, though nobody has told of new ones: whose lease has ended comes again."""


class EffectFeed:
    """Leases effects of some kinds, those of the higher priority first, and no more than ``room`` at a time.

    What is in hand is not handed out again, however long it takes, unless whoever had it says that it failed. Instants are UTC
    microseconds.
    """

    def __init__(
        self, executions: ExecutionStore, workflows: Mapping[str, Priority], kinds: Sequence[EffectKind], room: int
    ) -> None:
        self._executions = executions
        self._kinds = kinds
        self._room = room
        self._classes = [
            [name for name, priority in workflows.items() if priority is each]
            for each in Priority
            if each in workflows.values()
        ]
        self._in_hand: set[str] = set()
        self._failed: deque[tuple[int, pa.RecordBatch]] = deque()  # when to hand it out again; the earliest first
        self._next_look = 0
        self._until = 0  # by then the lease of all that was given up has ended

    @property
    def in_hand(self) -> int:
        return len(self._in_hand)

    def waits(self, now: int) -> bool:
        """Whether some have been handed out and are not known to be applied."""
        return bool(self._in_hand) or now < self._until

    def told(self) -> None:
        """There may be new ones."""
        self._next_look = 0

    def take(self, now: int) -> Iterator[pa.RecordBatch]:
        """What may be applied now, one after the other: batches of EFFECTS, each of one workflow. What has been given is in hand, even if
        the store does not answer for the next."""
        while self._failed and self._failed[0][0] <= now:
            yield self._failed.popleft()[1]
        if now < self._next_look:
            return
        self._next_look = now + LOOK
        for workflows in self._classes:
            most = min(MOST, self._room - len(self._in_hand))
            if most <= 0:
                self._next_look = now
                break
            leased = self._executions.effects(self._kinds, workflows, now, most, now + LEASE)
            if leased.num_rows == most:
                self._next_look = now
            yield from self._fresh(leased)

    def done(self, names: Iterable[str]) -> None:
        """They are applied."""
        self._in_hand.difference_update(names)

    def given_up(self, names: Iterable[str], now: int) -> None:
        """Some of these are not applied: they come again when their lease ends."""
        self._in_hand.difference_update(names)
        self._until = now + LEASE

    def failed(self, effects: pa.RecordBatch, now: int) -> None:
        """It was tried to apply these (EFFECTS, as they were handed out), and nobody knows how far that came: they are handed out again
        after a pause."""
        self._failed.append((now + PAUSE, effects))

    def _fresh(self, leased: pa.RecordBatch) -> list[pa.RecordBatch]:
        names = leased.column("name").to_pylist()
        new = np.fromiter((name not in self._in_hand for name in names), np.bool_, len(names))
        fresh = leased if new.all() else leased.filter(pa.array(new))
        self._in_hand.update(fresh.column("name").to_pylist())
        workflows = fresh.column("workflow")
        return [fresh.filter(pc.equal(workflows, each)) for each in pc.unique(workflows).to_pylist()]
