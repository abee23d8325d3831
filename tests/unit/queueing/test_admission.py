"""What is let in, how much is done at once and by whom, and when somebody is told."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.campaign.schema import Priority
from engine.queueing.admission import FULL, Admission, Doorkeeper, Room
from engine.queueing.alarms import DepthAlarms
from engine.queueing.balance import SLACK, worker_for
from engine.queueing.batching import BatchSize
from engine.queueing.levels import LEVELS, SECOND

ROOM = Room(scheduled=100, kept=1_000, critical_rate=5.0)


@pytest.mark.parametrize("priority", Priority)
def test_batch_work_waits_outside_first_and_critical_last(priority: Priority) -> None:
    full = int(ROOM.scheduled * FULL[priority])
    before = Doorkeeper(ROOM).decide(priority, "acme", 0, scheduled=full - 1, kept=full - 1)
    after = Doorkeeper(ROOM).decide(priority, "acme", 0, scheduled=full, kept=full)
    assert (before, after) == (Admission.ADMITTED, Admission.PARKED)


@pytest.mark.parametrize("priority", Priority)
def test_what_cannot_be_kept_is_refused(priority: Priority) -> None:
    assert Doorkeeper(ROOM).decide(priority, "acme", 0, scheduled=0, kept=1_000) is Admission.REFUSED


def test_a_flood_of_critical_items_is_its_tenants_own_affair() -> None:
    door = Doorkeeper(ROOM)

    def decided(tenant: str, now: int, number: int) -> Counter[Admission]:
        return Counter(door.decide(Priority.CRITICAL, tenant, now, scheduled=0, kept=0) for _ in range(number))

    assert decided("loud", 0, 20) == {Admission.ADMITTED: 5, Admission.PARKED: 15}
    assert decided("quiet", 0, 3) == {Admission.ADMITTED: 3}
    assert decided("loud", SECOND, 20)[Admission.ADMITTED] == 5
    assert decided("loud", SECOND // 2, 1)[Admission.ADMITTED] == 0  # a clock that goes back gives nothing


def test_a_batch_grows_while_it_is_quick_and_halves_when_it_is_not() -> None:
    batch = BatchSize(target=0.2, size=256)
    batch.learn(256, 0.1)
    assert batch.size == 320
    batch.learn(10, 0.01)  # not full: it says nothing
    assert batch.size == 320
    batch.learn(320, 0.5)
    assert batch.size == 160
    batch.learn(20, 0.5)  # already a few take too long
    assert batch.size == 16


@given(st.lists(st.tuples(st.integers(0, 20_000), st.floats(0, 10)), max_size=50))
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
