"""Items as they arrive, and a worker with a capacity, both by a clock of the test's own."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest

from engine.campaign.schema import Priority
from engine.queueing.levels import SECOND, deadline
from engine.queueing.scheduler import Item, Scheduler

TICK = SECOND // 100


@pytest.fixture
def item() -> Callable[..., Item]:
    numbers = iter(range(1_000_000_000))

    def make(
        priority: Priority = Priority.NORMAL, arrived: int = 0, tenant: str = "acme", workflow: str = "welcome"
    ) -> Item:
        number = next(numbers)
        return Item(deadline(priority, arrived), number, priority, tenant, workflow, f"user {number}", arrived)

    return make


@pytest.fixture
def load(item: Callable[..., Item]) -> Callable[..., Iterator[Item]]:
    """Arrivals in an open loop: drawn before the work, whatever the work makes of them (``rates``: items a second by priority)."""

    def arrivals(rates: Mapping[Priority, float], start: int, seconds: float, seed: int) -> Iterator[Item]:
        luck = random.Random(seed)
        at, total = float(start), sum(rates.values())
        while (at := at + luck.expovariate(total / SECOND)) < start + seconds * SECOND:
            (priority,) = luck.choices([*rates], [*rates.values()])
            yield item(priority, int(at), tenant=luck.choice("ab"))

    return arrivals


@pytest.fixture
def take() -> Callable[[Scheduler, int], list[Item]]:
    """So many items of a schedule, one at a time."""

    def run(scheduler: Scheduler, number: int) -> list[Item]:
        return [item for _ in range(number) for item in scheduler.take(lambda _: 1)]

    return run


@pytest.fixture
def waits() -> Callable[[Iterable[Item], int], dict[Priority, list[int]]]:
    """The microseconds that each item waited for a worker who does ``capacity`` items a second, a fortieth of that at a time."""

    def work(items: Iterable[Item], capacity: int) -> dict[Priority, list[int]]:
        able = 0.0
        scheduler, coming = Scheduler(), sorted(items, key=lambda item: item.arrived)
        waited: dict[Priority, list[int]] = {priority: [] for priority in Priority}
        now, begun = 0, 0
        while begun < len(coming) or any(scheduler.depths().values()):
            now += TICK
            upto = begun
            while upto < len(coming) and coming[upto].arrived <= now:
                upto += 1
            scheduler.add(coming[begun:upto])
            begun = upto
            able = min(able + capacity * TICK / SECOND, capacity)
            while able > 0 and (batch := scheduler.take(lambda _: capacity // 40)):
                able -= len(batch)
                for each in batch:
                    waited[each.priority].append(now - each.arrived)
        return waited

    return work
