"""Effects of kind SEND wait for each other for a moment, so that not every message is a partition."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from engine.campaign.schema import Priority
from engine.pipeline.automation.arbitration import Arbitration
from engine.pipeline.automation.contract import LEASE

SECOND = 1_000_000
WAITS: Mapping[Priority, int] = {
    Priority.CRITICAL: 0,
    Priority.HIGH: 1 * SECOND,
    Priority.NORMAL: 5 * SECOND,
    Priority.LOW: 30 * SECOND,
    Priority.BATCH: 60 * SECOND,
}
"""Microseconds for which the oldest effect of a workflow may wait for others: a sixtieth of the level's own wait, and less than a lease."""
MANY = 2_000
"""Effects that are planned at once, whoever waits: one partition."""
AHEAD = 2
"""Partitions of one workflow on their way to be delivered, before which no further one is begun for a few effects: while mail goes out
more slowly than effects come, partitions grow, and do not become more."""
LAST_MOMENT = LEASE // 4
"""Microseconds before the end of a lease at which its effects are planned, whatever they wait for."""


@dataclass(slots=True)
class _Waiting:
    """EFFECTS of one lease."""

    effects: pa.RecordBatch
    since: int
    until: int


@dataclass(slots=True)
class _Workflow:
    wait: int
    waiting: deque[_Waiting] = field(default_factory=deque)
    on_the_way: int = 0


class Gathering:
    """``priorities`` by workflow; ``capped`` are those that have frequency caps. Instants are UTC microseconds. For one thread."""

    def __init__(self, priorities: Mapping[str, Priority], capped: Collection[str]) -> None:
        ordered = sorted(priorities, key=lambda name: list(Priority).index(priorities[name]))
        self._workflows = {name: _Workflow(WAITS[priorities[name]]) for name in ordered}
        self._arbitration = Arbitration({name: priorities[name] for name in capped})
        self._partitions: dict[tuple[Path, int], tuple[str, Sequence[str]]] = {}

    def __len__(self) -> int:
        """How many effects wait."""
        return sum(each.effects.num_rows for one in self._workflows.values() for each in one.waiting)

    def add(self, effects: pa.RecordBatch, now: int, until: int) -> None:
        """EFFECTS that have been leased until an instant, of any of the workflows."""
        workflows = effects.column("workflow").to_pylist()
        for name in dict.fromkeys(workflows):
            chosen = effects.filter(pa.array([each == name for each in workflows]))
            self._workflows[name].waiting.append(_Waiting(chosen, now, until))
            self._arbitration.begin(
                name, chosen.column("name").to_pylist(), chosen.column("user_id").to_pylist(), until
            )

    def ready(self, now: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The workflows that have waited long enough, the higher priority first, each with the effects of a partition.

        What waits for something of a higher priority to the same person stays, until that has ended or the lease is near its end.
        """
        self._arbitration.forget(now)
        for name, workflow in self._workflows.items():
            if not self._is_due(workflow, now):
                continue
            chosen = [taken for each in workflow.waiting if (taken := self._take(name, each, now)).num_rows]
            workflow.waiting = deque(each for each in workflow.waiting if each.effects.num_rows)
            if chosen:
                effects = pa.Table.from_batches(chosen).combine_chunks().to_batches()[0]
                for start in range(0, effects.num_rows, MANY):
                    workflow.on_the_way += 1
                    yield name, effects.slice(start, MANY)

    def next_due(self) -> int | None:
        """When ``ready`` may have something, if nothing comes meanwhile; None: nothing waits."""
        dues = [one.waiting[0].since + one.wait for one in self._workflows.values() if one.waiting]
        return min(dues, default=None)

    def planned(self, workflow: str, names: Sequence[str], partition: tuple[Path, int] | None) -> None:
        """What ``ready`` gave has become a partition (run and number) that is to be delivered, or there is nothing to deliver."""
        if partition is None:
            self._end(workflow, names)
        else:
            self._partitions[partition] = (workflow, names)

    def failed(self, workflow: str, names: Sequence[str]) -> None:
        """What ``ready`` gave could not be planned; it comes again when its lease ends."""
        self._end(workflow, names)

    def delivered(self, run: Path, number: int) -> None:
        """A delivery has ended: the partition's messages have been sent, deferred, or are not to go."""
        known = self._partitions.pop((run, number), None)
        if known is not None:
            self._end(*known)

    def _is_due(self, workflow: _Workflow, now: int) -> bool:
        if not workflow.waiting:
            return False
        if min(each.until for each in workflow.waiting) - LAST_MOMENT <= now:
            return True
        if sum(each.effects.num_rows for each in workflow.waiting) >= MANY:
            return True
        return workflow.waiting[0].since + workflow.wait <= now and workflow.on_the_way < AHEAD

    def _take(self, name: str, waiting: _Waiting, now: int) -> pa.RecordBatch:
        """What may be planned of one lease; the rest goes on waiting."""
        effects = waiting.effects
        if waiting.until - LAST_MOMENT <= now:
            free = np.ones(effects.num_rows, dtype=np.bool_)
        else:
            free = self._arbitration.free(name, effects.column("user_id").to_pylist(), now)
        waiting.effects = effects.filter(pa.array(~free))
        return effects if free.all() else effects.filter(pa.array(free))

    def _end(self, workflow: str, names: Sequence[str]) -> None:
        self._workflows[workflow].on_the_way -= 1
        self._arbitration.end(names)
