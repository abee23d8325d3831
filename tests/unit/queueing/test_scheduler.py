"""The schedule keeps its service levels in a burst, gives each priority its share in a flood, and lets no tenant starve another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from engine.campaign.schema import Priority
from engine.queueing.levels import LEVELS, SECOND
from engine.queueing.scheduler import Item, Scheduler

CAPACITY = 1_000
MIX = {Priority.CRITICAL: 2, Priority.HIGH: 8, Priority.NORMAL: 30, Priority.LOW: 20, Priority.BATCH: 40}

Load = Callable[..., Iterator[Item]]
Waits = Callable[..., dict[Priority, list[int]]]


def rates(total: float) -> dict[Priority, float]:
    return {priority: total * part / 100 for priority, part in MIX.items()}


def p99(waited: list[int]) -> float:
    return sorted(waited)[len(waited) * 99 // 100] / SECOND


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_service_levels_hold_in_a_burst(load: Load, waits: Waits, seed: int) -> None:
    calm, burst = load(rates(800), 0, 20, seed), load(rates(1_600), 20 * SECOND, 60, seed)
    waited = waits([*calm, *burst], CAPACITY)
    late = {p: sum(each > LEVELS[p].wait for each in waited[p]) for p in Priority}
    assert late == dict.fromkeys(Priority, 0)
    assert p99(waited[Priority.CRITICAL]) <= 1.0


def test_a_flood_of_critical_items_delays_those_that_flood(load: Load, waits: Waits) -> None:
    flood = {**rates(800), Priority.CRITICAL: 1_300.0}
    waited = waits(load(flood, 0, 30, 7), CAPACITY)
    assert p99(waited[Priority.HIGH]) < 5
    assert p99(waited[Priority.NORMAL]) < LEVELS[Priority.NORMAL].wait / SECOND
    assert p99(waited[Priority.CRITICAL]) > 10


def test_each_priority_has_its_share_while_all_wait(item: Callable[..., Item]) -> None:
    scheduler = Scheduler()
    scheduler.add(item(priority, arrived) for priority in Priority for arrived in range(1_000))
    for _ in range(5):
        taken = Counter(each.priority for each in scheduler.take(100))
        assert taken == {priority: LEVELS[priority].share for priority in Priority}


def test_what_others_leave_is_for_whoever_waits(item: Callable[..., Item]) -> None:
    scheduler = Scheduler()
    scheduler.add(item(Priority.LOW, arrived) for arrived in range(1_000))
    assert [each.arrived for each in scheduler.take(2_000)] == list(range(1_000))
    assert scheduler.take(1) == []


def test_nobody_saves_credit_up(item: Callable[..., Item]) -> None:
    scheduler = Scheduler()
    scheduler.add(item(Priority.LOW) for _ in range(5_000))
    scheduler.take(4_000)
    scheduler.add(item(Priority.BATCH) for _ in range(1_000))
    first = Counter(each.priority for each in scheduler.take(200))
    assert first[Priority.BATCH] <= 8 * LEVELS[Priority.BATCH].share


def test_a_tenant_with_much_does_not_hold_up_one_with_little(item: Callable[..., Item]) -> None:
    scheduler = Scheduler()
    scheduler.add(item(tenant="large", workflow=f"w{number % 3}") for number in range(10_000))
    scheduler.add(item(tenant="small", arrived=5) for _ in range(10))
    assert Counter(each.tenant for each in scheduler.take(20)) == {"large": 10, "small": 10}


def test_workflows_of_a_tenant_take_turns(item: Callable[..., Item]) -> None:
    scheduler = Scheduler()
    scheduler.add(item(workflow="a") for _ in range(100))
    scheduler.add(item(workflow="b", arrived=1) for _ in range(3))
    assert [each.workflow for each in scheduler.take(7)] == ["a", "b", "a", "b", "a", "b", "a"]


def test_the_earliest_deadline_goes_first_within_a_workflow(item: Callable[..., Item]) -> None:
    scheduler = Scheduler()
    scheduler.add(item(arrived=arrived) for arrived in (3, 1, 2))
    assert [each.arrived for each in scheduler.take(3)] == [1, 2, 3]


def test_depths_and_the_oldest(item: Callable[..., Item]) -> None:
    scheduler = Scheduler()
    scheduler.add([item(Priority.HIGH, 7), item(Priority.HIGH, 3), item(Priority.BATCH, 1)])
    assert {p: n for p, n in scheduler.depths().items() if n} == {Priority.HIGH: 2, Priority.BATCH: 1}
    assert scheduler.oldest() == {Priority.HIGH: 3, Priority.BATCH: 1}
