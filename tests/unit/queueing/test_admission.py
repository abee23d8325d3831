"""What is let in, how much is done at once and by whom, and when somebody is told."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.campaign.schema import Priority
from engine.queueing.admission import LEAST, Room
from engine.queueing.alarms import DepthAlarms
from engine.queueing.balance import SLACK, worker_for
from engine.queueing.batching import BatchSize
from engine.queueing.levels import LEVELS

ROOM = Room(scheduled=10_000, kept=1_000)


def test_a_priority_has_room_of_its_own_whatever_others_have() -> None:
    assert {each: ROOM.of(each) for each in Priority} == {each: 100 * LEVELS[each].share for each in Priority}
    assert ROOM.free(Priority.LOW, scheduled=1_000, own=1_000) == 0
    assert ROOM.free(Priority.LOW, scheduled=0, own=0) == 500


@given(
    st.lists(st.integers(0, 9), max_size=50), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 500)), max_size=50)
)
def test_a_flood_of_some_workflows_leaves_room_for_others(taken: list[int], done: list[tuple[int, int]]) -> None:
    own = Counter[int]()
    for place, workflow in enumerate(taken):
        own[workflow] += ROOM.free(Priority.CRITICAL, own.total(), own[workflow])
        assert own.total() <= ROOM.of(Priority.CRITICAL) + 10 * LEAST
        for each, number in done[place : place + 1]:
            own[each] -= min(own[each], number)
    for workflow in range(10):
        assert own[workflow] + ROOM.free(Priority.CRITICAL, own.total(), own[workflow]) >= LEAST


def test_what_cannot_be_kept_is_refused() -> None:
    assert (ROOM.full(999), ROOM.full(1_000)) == (False, True)


@given(st.lists(st.tuples(st.integers(0, 9_000), st.floats(0, 60)), max_size=60))
def test_a_batch_stays_within_its_bounds(learnt: list[tuple[int, float]]) -> None:
    batch = BatchSize(target=0.2)
    for items, seconds in learnt:
        batch.learn(items, seconds)
        assert batch.least <= batch.size <= batch.most


@given(st.dictionaries(st.text(min_size=1), st.integers(0, 10_000), min_size=1), st.text(), st.integers(1, 5_000))
def test_no_worker_has_clearly_more_to_do_than_the_others(load: dict[str, int], workflow: str, items: int) -> None:
    chosen = worker_for(workflow, load, items)
    bound = SLACK * (sum(load.values()) + items) / len(load)
    assert load[chosen] + items <= bound or load[chosen] == min(load.values())


def test_a_workflow_stays_with_its_worker_when_others_leave() -> None:
    workers = dict.fromkeys((f"worker {number}" for number in range(8)), 1_000)
    before = {f"w{number}": worker_for(f"w{number}", workers, 1) for number in range(50)}
    left = {name: load for name, load in workers.items() if name != "worker 3"}
    after = {name: worker_for(name, left, 1) for name in before}
    assert {name for name, worker in before.items() if after[name] != worker} == {
        name for name, worker in before.items() if worker == "worker 3"
    }
    assert len(set(before.values())) > 4


def test_there_is_nobody_to_do_it() -> None:
    with pytest.raises(ValueError, match="no workers"):
        worker_for("welcome", {}, 1)


def test_an_alarm_is_told_once_and_once_more_when_it_has_passed() -> None:
    alarms, wait = DepthAlarms(), LEVELS[Priority.HIGH].wait
    depths = {Priority.HIGH: 12}
    assert alarms.look(depths, {Priority.HIGH: 0}, wait // 2) == []
    (alarm,) = alarms.look(depths, {Priority.HIGH: 0}, wait)
    assert (alarm.priority, alarm.raised, alarm.waited, alarm.depth) == (Priority.HIGH, True, wait, 12)
    assert alarms.look(depths, {Priority.HIGH: wait // 2}, wait) == []  # better, but not yet well
    (passed,) = alarms.look({}, {}, wait)
    assert (passed.raised, passed.depth) == (False, 0)
