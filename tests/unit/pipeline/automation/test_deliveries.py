"""Which partition is delivered next, and where."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from engine.campaign.schema import Priority
from engine.pipeline.automation.deliveries import FIRST_PAUSE, LEAST_REST, TRIES, Deliveries, Outgoing
from engine.pipeline.work import DeliveryWork

CART, HELLO, NEWS = Path("/runs/cart"), Path("/runs/hello"), Path("/runs/news")
NOW = 1_772_323_200_000_000


def deliveries(at_a_time: int = 3) -> Deliveries:
    return Deliveries(count(1).__next__, at_a_time)


def outgoing(run: Path, number: int, priority: Priority = Priority.NORMAL, *, paced: bool = False) -> Outgoing:
    return Outgoing(run, DeliveryWork(number, 10), priority, paced)


def begun(of: Deliveries, *workers: str, now: int = NOW) -> list[tuple[str, Path, int]]:
    return [(worker, task.run, task.work.number) for worker, task in of.next(workers, now)]


def test_the_higher_priority_goes_first_and_then_who_came_first() -> None:
    waiting = deliveries(at_a_time=1)
    for each in (outgoing(NEWS, 0, Priority.BATCH), outgoing(CART, 0), outgoing(HELLO, 0, Priority.CRITICAL)):
        waiting.add(each)
    waiting.add(outgoing(CART, 1))
    found = []
    for number in count(1):
        found += begun(waiting, "a")
        if not waiting.busy:
            break
        waiting.ended(number, None, NOW)
    assert [(run, number) for _, run, number in found] == [(HELLO, 0), (CART, 0), (CART, 1), (NEWS, 0)]
    assert len(waiting) == 0


def test_of_one_run_a_worker_has_one_partition_and_a_worker_has_no_more_than_it_may() -> None:
    waiting = deliveries(at_a_time=2)
    for number in range(3):
        waiting.add(outgoing(CART, number))
    for run in (HELLO, NEWS, Path("/runs/other")):
        waiting.add(outgoing(run, 0))
    found = begun(waiting, "a", "b")
    assert sorted((run, number) for _, run, number in found) == [(CART, 0), (CART, 1), (HELLO, 0), (NEWS, 0)]
    assert {worker for worker, run, _ in found if run == CART} == {"a", "b"}
    assert sorted(worker for worker, _, _ in found) == ["a", "a", "b", "b"]
    assert begun(waiting, "a", "b") == []
    assert waiting.busy == {CART, HELLO, NEWS}
    assert len(waiting) == 6


def test_a_paced_run_is_delivered_by_one_worker_also_when_workers_come_and_go() -> None:
    waiting = deliveries()
    for number in range(3):
        waiting.add(outgoing(CART, number, paced=True))
    homes = {size: [f"worker-{number}" for number in range(size)] for size in range(1, 9)}
    ((first, _, _),) = begun(waiting, *homes[2])
    for workers in homes.values():  # the home of a run is another one for some of these
        assert begun(waiting, *workers) == []
    waiting.ended(1, None, NOW)
    moved = next(size for size in homes if begun_at(size, homes) != first)
    assert begun(waiting, *homes[moved]) == [(begun_at(moved, homes), CART, 1)]


def begun_at(size: int, homes: dict[int, list[str]]) -> str:
    alone = deliveries()
    alone.add(outgoing(CART, 0, paced=True))
    ((worker, _, _),) = begun(alone, *homes[size])
    return worker


def test_what_is_due_later_comes_back_then_and_never_at_once() -> None:
    waiting = deliveries()
    waiting.add(outgoing(CART, 0))
    assert begun(waiting, "a") == [("a", CART, 0)]
    waiting.ended(1, NOW - 5, NOW)
    assert len(waiting) == 0
    assert begun(waiting, "a", now=NOW + LEAST_REST - 1) == []
    assert begun(waiting, "a", now=NOW + LEAST_REST) == [("a", CART, 0)]


def test_what_fails_comes_again_after_pauses_that_grow_and_is_something_to_wait_for_only_so_often() -> None:
    waiting, now, pauses = deliveries(), NOW, []
    waiting.add(outgoing(CART, 0))
    for number in range(1, TRIES + 2):
        begin = now
        while not begun(waiting, "a", now=now):
            now += FIRST_PAUSE // 2
        pauses.append(now - begin)
        waiting.failed(number, now)
        assert len(waiting) == (number < TRIES)
    assert pauses == [0, *(FIRST_PAUSE << number for number in range(TRIES))]
    while not begun(waiting, "a", now=now):
        now += FIRST_PAUSE
    waiting.ended(TRIES + 2, now, now)  # it did go: the next failure is a first one
    assert begun(waiting, "a", now=now + LEAST_REST)
    waiting.failed(TRIES + 3, now)
    assert len(waiting) == 1
