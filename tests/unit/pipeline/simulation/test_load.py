"""How long work waits: the fluid against the scheduler that takes items."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from engine.campaign.schema import Priority
from engine.pipeline.simulation.load import PRIORITIES, flow
from engine.queueing.levels import deadline
from engine.queueing.scheduler import Item, Scheduler

SECOND = 1_000_000
CAPACITY = 40  # items a second
A_ROUND = 1_000 / CAPACITY  # seconds that a round of the scheduler takes: as fine as it shares


def items(**counts: dict[int, int]) -> np.ndarray:
    found = np.zeros((len(PRIORITIES), 30), dtype=np.int64)
    for name, minutes in counts.items():
        for minute, count in minutes.items():
            found[PRIORITIES.index(Priority(name)), minute] = count
    return found


def scheduled(counts: np.ndarray) -> dict[Priority, float]:
    """The longest wait in seconds of each priority, second after second."""
    scheduler, waits, number = Scheduler(), dict.fromkeys(PRIORITIES, 0.0), 0
    for second in range(60 * 60):
        minute, first = divmod(second, 60)
        if not first and minute < counts.shape[1]:
            for priority, count in zip(PRIORITIES, counts[:, minute].tolist(), strict=True):
                arrived = second * SECOND
                scheduler.add(
                    Item(deadline(priority, arrived), number + each, priority, "t", "w", "u", arrived)
                    for each in range(count)
                )
                number += count
        left = CAPACITY
        while left and (taken := scheduler.take(partial(_at_most, left))):
            left -= len(taken)
            for each in taken:
                waits[each.priority] = max(waits[each.priority], second + 1 - each.arrived / SECOND)
    return waits


def _at_most(items: int, _: str) -> int:
    return items


@pytest.mark.parametrize(
    "counts",
    [
        items(normal={3: 120}),
        items(critical={0: 400}, batch={0: 12_000}),
        items(critical=dict.fromkeys(range(5), 2_800), high={1: 800}, batch={0: 4_000, 4: 4_000}),
        items(high={29: 8_000}, low={28: 6_000}),
    ],
)
def test_waits_are_those_of_the_scheduler(counts: np.ndarray) -> None:
    load, waits = flow(counts, CAPACITY), scheduled(counts)
    for priority in PRIORITIES:
        told = load.of[priority]
        assert told.items == counts[PRIORITIES.index(priority)].sum()
        assert told.longest == pytest.approx(waits[priority], rel=0.1, abs=A_ROUND)
        assert told.longest <= counts.sum() / CAPACITY + 1e-6


def test_nothing_waits_where_nothing_comes() -> None:
    load = flow(items(), CAPACITY)
    assert all(each.items == each.longest == each.deepest == 0 for each in load.of.values())
    assert not load.backlog.any()
