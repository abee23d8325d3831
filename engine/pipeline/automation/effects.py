"""Effects that are still to be applied, as the driver hands them out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.campaign.schema import Priority
from engine.pipeline.automation.contract import LEASE
from engine.workflow.executions import EffectKind, ExecutionStore

MOST = 8_192
"""Effects that are leased at a time."""
LOOK = 1_000_000
"""Microseconds after which it is looked again, though nobody has told of new ones: whose lease has ended comes again."""


class EffectFeed:
    """Leases effects of some kinds, those of the higher priority first, and no more than ``room`` at a time.

    What is in hand is not handed out again, however long it takes.
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
        self._next_look = 0

    @property
    def in_hand(self) -> int:
        return len(self._in_hand)

    def told(self) -> None:
        """There may be new ones."""
        self._next_look = 0

    def take(self, now: int) -> list[pa.RecordBatch]:
        """What may be applied now: batches of EFFECTS, each of one workflow."""
        if now < self._next_look:
            return []
        self._next_look = now + LOOK
        found = []
        for workflows in self._classes:
            most = min(MOST, self._room - len(self._in_hand))
            if most <= 0:
                break
            leased = self._executions.effects(self._kinds, workflows, now, most, now + LEASE)
            if leased.num_rows == most:
                self._next_look = now
            found += self._fresh(leased)
        return found

    def done(self, names: Iterable[str]) -> None:
        """They are applied, or given up for now."""
        self._in_hand.difference_update(names)

    def _fresh(self, leased: pa.RecordBatch) -> list[pa.RecordBatch]:
        names = leased.column("name").to_pylist()
        new = np.fromiter((name not in self._in_hand for name in names), np.bool_, len(names))
        fresh = leased if new.all() else leased.filter(pa.array(new))
        self._in_hand.update(fresh.column("name").to_pylist())
        workflows = fresh.column("workflow")
        return [fresh.filter(pc.equal(workflows, each)) for each in pc.unique(workflows).to_pylist()]
