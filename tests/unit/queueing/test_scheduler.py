"""The schedule keeps its service levels in a burst, gives each priority its share in a flood, and lets no tenant starve another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from engine.campaign.schema import Priority
from engine.queueing.levels import LEVELS, SECOND
from engine.queueing.scheduler import ROUND, Item, Scheduler

CAPACITY = 400
MIX = {Priority.CRITICAL: 2, Priority.HIGH: 8, Priority.NORMAL: 30, Priority.LOW: 20, Priority.BATCH: 40}

Load = Callable[..., Iterator[Item]]
Waits = Callable[..., dict[Priority, list[int]]]
Take = Callable[[Scheduler, int], list[Item]]


def rates(total: float) -> dict[Priority, float]:
    return {priority: total * part / 100 for priority, part in MIX.items()}


def p99(waited: list[int]) -> float:
    return sorted(waited)[len(waited) * 99 // 100] / SECOND


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_service_levels_hold_in_a_burst(load: Load, waits: Waits, seed: int) -> None:
    calm, burst = load(rates(0.8 * CAPACITY), 0, 20, seed), load(rates(1.6 * CAPACITY), 20 * SECOND, 60, seed)
    waited = waits([*calm, *burst], CAPACITY)
    late = {p: sum(each > LEVELS[p].wait for each in waited[p]) for p in Priority}
    assert late == dict.fromkeys(Priority, 0)
    assert p99(waited[Priority.CRITICAL]) <= 1.0


def test_a_flood_of_critical_items_delays_those_that_flood(load: Load, waits: Waits) -> None:
    flood = {**rates(0.8 * CAPACITY), Priority.CRITICAL: 1.3 * CAPACITY}
    waited = waits(load(flood, 0, 30, 7), CAPACITY)
    assert p99(waited[Priority.HIGH]) < 5
    assert p99(waited[Priority.NORMAL]) < LEVELS[Priority.NORMAL].wait / SECOND
    assert p99(waited[Priority.CRITICAL]) > 10


@pytest.mark.parametrize("batch", [1, 7, 400])
def test_each_priority_has_its_share_while_all_wait(item: Callable[..., Item], batch: int) -> None:
    scheduler, whole = Scheduler(), 100 * ROUND
    scheduler.add(item(priority, arrived) for priority in Priority for arrived in range(6 * whole))
    taken: Counter[Priority] = Counter()
    while taken.total() < 6 * whole:
        taken.update(each.priority for each in scheduler.take(lambda _: batch))
    for priority in Priority:
        assert abs(taken[priority] - 6 * ROUND * LEVELS[priority].share) <= whole + batch


def test_what_others_leave_is_for_whoever_waits(item: Callable[..., Item], take: Take) -> None:
    scheduler = Scheduler()
    scheduler.add(item(Priority.LOW, arrived) for arrived in range(1_000))
    assert [each.arrived for each in take(scheduler, 2_000)] == list(range(1_000))
    assert scheduler.take(lambda _: 5) == []


def test_nobody_saves_credit_up(item: Callable[..., Item], take: Take) -> None:
    scheduler = Scheduler()
    scheduler.add(item(Priority.LOW) for _ in range(12_000))
    take(scheduler, 9_000)
    scheduler.add(item(Priority.BATCH) for _ in range(4_000))
    first = Counter(each.priority for each in take(scheduler, 200 * ROUND))
    assert first[Priority.BATCH] <= 8 * ROUND * LEVELS[Priority.BATCH].share


def test_a_tenant_with_much_does_not_hold_up_one_with_little(item: Callable[..., Item], take: Take) -> None:
    scheduler = Scheduler()
    scheduler.add(item(tenant="large", workflow=f"w{number % 3}") for number in range(10_000))
    scheduler.add(item(tenant="small", arrived=5) for _ in range(10))
    assert Counter(each.tenant for each in take(scheduler, 20)) == {"large": 10, "small": 10}


def test_workflows_of_a_tenant_take_turns(item: Callable[..., Item], take: Take) -> None:
    scheduler = Scheduler()
    scheduler.add(item(workflow="a") for _ in range(100))
    scheduler.add(item(workflow="b", arrived=1) for _ in range(3))
    assert [each.workflow for each in take(scheduler, 7)] == ["a", "b", "a", "b", "a", "b", "a"]


def test_large_batches_of_one_workflow_are_many_turns_of_another(item: Callable[..., Item]) -> None:
    scheduler = Scheduler()
    scheduler.add(item(workflow=name) for name in "ab" for _ in range(1_000))
    batches = [scheduler.take({"a": 100, "b": 10}.__getitem__) for _ in range(33)]
    assert Counter(each.workflow for batch in batches for each in batch) == {"a": 300, "b": 300}


def test_a_batch_is_of_one_workflow_and_what_may_not_be_taken_is_stepped_over(item: Callable[..., Item]) -> None:
    scheduler = Scheduler()
    scheduler.add([item(workflow="a"), item(workflow="b", arrived=1), item(workflow="b", arrived=2)])
    scheduler.add([item(Priority.CRITICAL, workflow="c")])
    assert [each.workflow for each in scheduler.take({"a": 0, "b": 9, "c": 0}.__getitem__)] == ["b", "b"]
    assert scheduler.take(lambda _: 0) == []
    assert [each.workflow for each in scheduler.take(lambda _: 9)] == ["c"]
    assert [each.workflow for each in scheduler.take(lambda _: 9)] == ["a"]


def test_the_earliest_deadline_goes_first_within_a_workflow(item: Callable[..., Item], take: Take) -> None:
    scheduler = Scheduler()
    scheduler.add(item(arrived=arrived) for arrived in (3, 1, 2))
    assert [each.arrived for each in take(scheduler, 3)] == [1, 2, 3]


def test_depths_and_the_oldest(item: Callable[..., Item]) -> None:
    scheduler = Scheduler()
    scheduler.add([item(Priority.HIGH, 7), item(Priority.HIGH, 3), item(Priority.BATCH, 1)])
    assert {p: n for p, n in scheduler.depths().items() if n} == {Priority.HIGH: 2, Priority.BATCH: 1}
    assert scheduler.oldest() == {Priority.HIGH: 3, Priority.BATCH: 1}
