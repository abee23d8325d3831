"""Who is worked on next, together with whom, by which worker, and what happens to what was not done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from engine.adapters.queues.memory import MemoryQueue
from engine.campaign.schema import Campaign, Priority
from engine.errors import TryAgainError
from engine.pipeline.automation.contract import LEASE, Advance, Advanced, LiveWorkflow
from engine.pipeline.automation.dispatch import HOLD, LAPSE, LOOK_ITEMS, Dispatcher
from engine.pipeline.automation.dispatch_figures import Waits
from engine.pipeline.automation.dispatch_people import LONGEST_REST
from engine.pipeline.definition import TENANT, PlanDefinition
from engine.queueing.admission import Room
from engine.queueing.contract import ITEMS, TAKEN
from engine.queueing.levels import LEVELS
from engine.workflow.definition import definition_of
from engine.workflow.executions import ENTRIES, EXECUTIONS
from engine.workflow.memory import MemoryExecutions

START = 1_790_000_000_000_000
SECOND = 1_000_000
WORKFLOWS = {"cart": Priority.CRITICAL, "tea": Priority.NORMAL, "normal": Priority.NORMAL}


def live(name: str, priority: Priority) -> LiveWorkflow:
    campaign = Campaign.model_validate(
        {
            **{"name": name, "type": "abandoned_cart", "audience": {"source": "store:", "key": "id"}},
            **{"delivery": {"from": {"address": "shop@example.com"}}, "priority": priority.value},
            "workflow": [{"id": "pause", "type": "wait_condition", "for": "1 day"}],
        }
    )
    plan = PlanDefinition(campaign, pa.schema([("id", pa.string())]), (), datetime(2026, 9, 1, tzinfo=UTC))
    return LiveWorkflow(plan, definition_of(campaign))


def batch(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Instants are microseconds."""
    arrays = [
        pa.array([row[place] for row in rows], pa.int64() if pa.types.is_timestamp(field.type) else field.type)
        for place, field in enumerate(schema)
    ]
    return pa.RecordBatch.from_arrays(
        [each.cast(f.type) for each, f in zip(arrays, schema, strict=True)], schema=schema
    )


class Office:
    """A dispatcher with what it works on; ``queue_away`` is a queue that does not answer."""

    def __init__(self, room: Room | None = None) -> None:
        self.now = START
        self.queue = MemoryQueue(lambda: self.now / 1e6)
        self.executions = MemoryExecutions()
        self.done: list[tuple[str, int]] = []
        self._positions = count(1)
        lives = [live(*each) for each in WORKFLOWS.items()]
        self.dispatcher = Dispatcher(self.queue, self.executions, lives, self._done, self.now, room)

    def put(self, *users: str, workflow: str = "cart", payload: str | None = None) -> None:
        rows = []
        for user in users:
            position = next(self._positions) << 11
            told = json.dumps({"position": position, "at": self.now}) if payload is None else payload
            rows.append((f"{position}", TENANT, workflow, WORKFLOWS[workflow].value, user, self.now, told))
        self.queue.put(batch(rows, ITEMS))

    def enter(self, *users: str, workflow: str = "cart") -> None:
        rows = [(f"of {user}", workflow, "v1", user, "api", "pause", self.now, None) for user in users]
        self.executions.enter(batch(rows, ENTRIES), 0)

    def tasks(self, *free: str, load: dict[str, int] | None = None) -> list[tuple[str, Advance]]:
        self.dispatcher.told()
        self.dispatcher.fill(self.now)
        return [*self.dispatcher.next(free or ("one",) * 9, load or {}, self.now)]

    def finish(self, task: Advance, held: Sequence[str] = ()) -> None:
        rows = task.items.to_pylist()
        done = [row["ticket"] for row in rows if row["user_id"] not in held]
        rest = [row["ticket"] for row in rows if row["user_id"] in held]
        self.dispatcher.finished(Advanced(task.number, done, rest), 0.01, self.now)

    def _done(self, workflow: str, positions: npt.NDArray[np.int64]) -> None:
        self.done += [(workflow, position >> 11) for position in positions.tolist()]


@pytest.fixture
def office() -> Office:
    return Office()


def users(task: Advance) -> list[str]:
    return [*task.items.column("user_id").to_pylist(), *task.executions.column("user_id").to_pylist()]


def test_a_task_is_of_one_workflow_the_highest_first(office: Office) -> None:
    office.put("ann", "bob", workflow="tea")
    office.put("ann", "eve")
    office.enter("joe")
    found = [(task.workflow, users(task)) for _, task in office.tasks()]
    assert found == [("cart", ["ann", "eve", "joe"]), ("tea", ["ann", "bob"])]
    assert [task.items.schema for _, task in office.tasks()] == []
    assert office.dispatcher.figures()[Priority.CRITICAL].in_work == 3


def test_the_columns_of_a_task_are_those_of_the_contract(office: Office) -> None:
    office.put("ann")
    office.enter("joe")
    ((_, task),) = office.tasks()
    assert (task.executions.schema, task.items.schema) == (EXECUTIONS, TAKEN)
    assert task.items.column("user_id").to_pylist() == ["ann"]
    assert task.executions.to_pylist() == office.executions.find(["of joe"]).to_pylist()


def test_what_has_happened_to_somebody_goes_with_what_is_due_of_theirs(office: Office) -> None:
    """An exit that waits in the queue is met before a reminder that is due after it."""
    office.enter("joe")
    office.put("joe")
    ((_, task),) = office.tasks()
    assert task.items.column("user_id").to_pylist() == task.executions.column("user_id").to_pylist() == ["joe"]


def test_a_persons_items_go_together_and_in_order_and_later_ones_wait(office: Office) -> None:
    office.put("ann", "bob", "ann")
    ((_, first),) = office.tasks()
    positions = [json.loads(each)["position"] >> 11 for each in first.items.column("payload").to_pylist()]
    assert list(zip(users(first), positions, strict=True)) == [("ann", 1), ("ann", 3), ("bob", 2)]
    office.put("ann", "eve")
    ((_, second),) = office.tasks()
    assert users(second) == ["eve"]
    office.finish(first)
    assert [users(task) for _, task in office.tasks()] == [["ann"]]
    assert sorted(office.done) == [("cart", 1), ("cart", 2), ("cart", 3)]
    assert office.queue.depths(TENANT)[Priority.CRITICAL] == 2


def test_what_is_held_comes_again_before_what_came_later_after_a_rest_that_grows(office: Office) -> None:
    office.put("ann")
    rests, ((_, task),) = [], office.tasks()
    for _ in range(8):
        office.finish(task, held=["ann"])
        office.put("ann")
        began, found = office.now, office.tasks()
        while not found and office.now < began + 2 * LONGEST_REST:
            office.now += SECOND // 4
            found = office.tasks()
        ((_, task),) = found
        rests.append(office.now - began)
    assert rests[:3] == [SECOND // 4, SECOND // 2, SECOND]
    assert rests[-1] == LONGEST_REST
    positions = [json.loads(each)["position"] >> 11 for each in task.items.column("payload").to_pylist()]
    assert positions == list(range(1, 10))


def test_executions_of_a_lost_task_come_again_at_once_when_it_has_ended_and_else_when_their_lease_ends(
    office: Office,
) -> None:
    office.enter("ann")
    for ended, wait in ((True, 0), (False, LEASE)):
        ((_, task),) = office.tasks()
        office.dispatcher.lost(task.number, office.now, ended=ended)
        if wait:
            assert office.tasks() == []
        office.now += wait
    ((_, again),) = office.tasks()
    assert users(again) == ["ann"]
    assert again.executions.column("claim").to_pylist() == [3]
    office.dispatcher.lost(99, office.now, ended=True)  # nobody knows it


def test_claims_that_waited_too_long_are_given_back(office: Office) -> None:
    office.enter("ann")
    office.dispatcher.fill(office.now)
    office.now += LEASE // 2 + 1
    assert [*office.dispatcher.next(["one"], {}, office.now)] == []
    ((_, task),) = office.tasks()
    assert task.executions.column("claim").to_pylist() == [2]


def test_who_has_a_task_is_not_lost_when_its_result_comes_twice(office: Office) -> None:
    office.put("ann")
    ((_, task),) = office.tasks()
    office.finish(task)
    office.finish(task)
    office.tasks()
    assert office.done == [("cart", 1)]
    assert office.dispatcher.figures()[Priority.CRITICAL].scheduled == 0


def test_the_warm_worker_is_chosen_while_it_has_not_clearly_more_to_do(office: Office) -> None:
    office.put("ann")
    ((warm, task),) = office.tasks("one", "two", "three")
    office.finish(task)
    office.put("ann")
    ((other, _),) = office.tasks("one", "two", "three", load={warm: 1_000})
    assert other != warm
    office.put("bob", workflow="tea")
    office.put("eve", workflow="normal")
    assert [worker for worker, _ in office.tasks("two")] == ["two"]


def test_the_last_place_is_kept_for_what_is_critical(office: Office) -> None:
    office.put("ann", workflow="tea")
    office.put("bob", workflow="normal")
    ((_, task),) = office.tasks("one", "two")
    assert office.tasks("two") == []
    office.put("joe")
    assert [found.workflow for _, found in office.tasks("two")] == ["cart"]
    office.finish(task)
    assert [found.workflow for _, found in office.tasks("one", "one")] == ["normal"]


def test_the_place_that_is_kept_may_be_the_one_that_a_critical_batch_is_in(office: Office) -> None:
    office.put("joe")
    office.put("ann", workflow="tea")
    office.put("bob", workflow="normal")
    (_, first), (_, second) = office.tasks("one", "two")
    assert {first.workflow, second.workflow} == {"cart", "tea"}
    office.finish(second)
    assert [found.workflow for _, found in office.tasks("two")] == ["normal"]  # the critical one is still in work


def test_what_no_intake_has_put_is_dropped(office: Office) -> None:
    for payload in ("", "[", '"x"', '{"position": "1"}', '{"position": -1}', "[" * 100_000):
        office.put("ann", payload=payload)
    assert office.tasks() == []
    office.tasks()
    assert office.queue.depths(TENANT)[Priority.CRITICAL] == 0


def test_what_is_here_is_held_for_as_long_as_it_takes(office: Office) -> None:
    office.put("ann")
    ((_, task),) = office.tasks()
    for _ in range(8):
        office.now += HOLD
        office.dispatcher.fill(office.now)
        assert office.queue.take(TENANT, "cart", 9, LAPSE / 1e6).num_rows == 0
    office.finish(task)
    office.dispatcher.fill(office.now)
    assert office.dispatcher.idle


def test_a_queue_that_does_not_answer_keeps_nobody_from_what_is_due(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> pa.RecordBatch:
        raise TryAgainError.single("MR691", "the queue does not answer")

    office.put("ann")
    office.enter("joe")
    with monkeypatch.context() as away_for_now:
        away_for_now.setattr(office.queue, "take", away)
        with pytest.raises(TryAgainError):
            office.dispatcher.fill(office.now)
    assert [users(task) for _, task in office.dispatcher.next(["one"], {}, office.now)] == [["joe"]]
    assert [users(task) for _, task in office.tasks()] == [["ann"]]


def test_a_flood_of_one_workflow_waits_outside_and_another_finds_room() -> None:
    office = Office(Room(scheduled=1_000))
    office.put(*(f"u{number}" for number in range(500)), workflow="tea")
    office.dispatcher.fill(office.now)
    assert office.dispatcher.figures()[Priority.NORMAL].scheduled == 100
    office.dispatcher.fill(office.now + 5 * SECOND)
    assert office.dispatcher.figures()[Priority.NORMAL].outside == 400
    assert office.dispatcher.backlog == 500
    office.put("ann", workflow="normal")
    assert {task.workflow for _, task in office.tasks()} == {"tea", "normal"}


def test_nothing_is_looked_for_again_and_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    take: Callable[..., pa.RecordBatch] = office.queue.take
    monkeypatch.setattr(office.queue, "take", lambda *given: (asked.append(given[1]), take(*given))[1])
    for _ in range(10):
        office.dispatcher.fill(office.now)
        office.now += LOOK_ITEMS // 20
    assert sorted(asked) == sorted(WORKFLOWS)
    assert office.dispatcher.idle


def test_a_clock_that_goes_back_stops_nobody(office: Office) -> None:
    office.dispatcher.fill(office.now)
    office.now -= 3_600 * SECOND
    office.put("ann")
    office.enter("joe")
    office.dispatcher.fill(office.now)
    assert [users(task) for _, task in office.dispatcher.next(["one"] * 2, {}, office.now)] == [["ann", "joe"]]


def test_while_the_intake_is_behind_nobody_is_looked_for_who_is_due(office: Office) -> None:
    office.enter("ann")
    office.put("bob")
    office.dispatcher.fill(office.now, behind=True)
    assert [users(task) for _, task in office.dispatcher.next(["one"] * 2, {}, office.now)] == [["bob"]]
    assert [users(task) for _, task in office.tasks()] == [["ann"]]


def test_figures_and_alarms_tell_of_what_waits(office: Office) -> None:
    office.put("ann", "bob", workflow="tea")
    office.dispatcher.fill(office.now)
    office.now += LEVELS[Priority.NORMAL].wait
    (alarm,) = office.dispatcher.alarms(office.now)
    assert (alarm.priority, alarm.raised, alarm.depth) == (Priority.NORMAL, True, 2)
    assert not office.dispatcher.idle
    office.now += 1
    office.tasks()
    figures = office.dispatcher.figures()[Priority.NORMAL]
    assert (figures.scheduled, figures.in_work, figures.handed_out, figures.missed) == (0, 2, 2, 2)
    wait = LEVELS[Priority.NORMAL].wait
    assert wait < (figures.median_wait or 0) < 1.1 * wait
    assert office.dispatcher.figures()[Priority.LOW].p99_wait is None


def test_quantiles_of_waits() -> None:
    waits = Waits()
    waits.add(np.arange(1, 100_001), level=90_000)
    assert (waits.count, waits.missed) == (100_000, 10_000)
    for part in (0.1, 0.5, 0.99, 1.0):
        assert 1.0 <= (waits.quantile(part) or 0) / (part * 100_000) <= 1.1
    waits.add(np.array([0, -5, 1 << 50]), level=1)
    assert waits.count == 100_003


def test_what_is_here_and_comes_again_counts_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to a question was lost, so that all is asked for that anybody may have taken."""
    office.put("ann")
    office.dispatcher.fill(office.now)
    office.now += 2 * LOOK_ITEMS
    take = office.queue.take

    def lost(*given: Any) -> pa.RecordBatch:
        take(*given)
        raise TryAgainError.single("MR691", "the queue does not answer")

    with monkeypatch.context() as once:
        once.setattr(office.queue, "take", lost)
        with pytest.raises(TryAgainError):
            office.dispatcher.fill(office.now)
    ((_, task),) = office.tasks()
    assert users(task) == ["ann"]
    assert office.dispatcher.figures()[Priority.CRITICAL].in_work == 1


def test_a_priority_that_was_edited_counts_from_then_on(office: Office) -> None:
    office.queue.put(batch([("x", TENANT, "tea", "batch", "ann", START, '{"position": 2048, "at": 1}')], ITEMS))
    ((_, task),) = office.tasks()
    assert office.dispatcher.figures()[Priority.NORMAL].in_work == 1
    office.finish(task)
    office.now += SECOND
    assert office.tasks() == [] and office.dispatcher.idle
