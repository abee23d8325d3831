"""What becomes of tasks, and when the job has nothing left to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from engine.campaign.schema import Priority
from engine.errors import Diagnostic, InputError, InternalError, MailrayError, TryAgainError
from engine.pipeline.automation.contract import (
    LEASE,
    Advance,
    Advanced,
    Applied,
    Apply,
    Delivered,
    PlannedSends,
    PlanSends,
    Result,
    Sweep,
    Sweeping,
    Swept,
    Task,
)
from engine.pipeline.automation.crew import Ended, Lost, ThreadCrew, own_fault
from engine.pipeline.automation.deliveries import FIRST_PAUSE, Deliveries, Outgoing
from engine.pipeline.automation.effects import PAUSE, EffectFeed
from engine.pipeline.automation.gathering import Gathering
from engine.pipeline.automation.job import Automation
from engine.pipeline.automation.parts import Parts
from engine.pipeline.automation.results import MOST_FAULTS, Results
from engine.pipeline.work import DeliveryWork, PartitionDelivery
from engine.queueing.contract import TAKEN
from engine.workflow.executions import EFFECTS, EXECUTIONS, EffectKind
from engine.workflow.memory import MemoryExecutions

NOW = 1_772_323_200_000_000
RUN, WORK = Path("/runs/cart"), DeliveryWork(0, 2)
PRIORITIES = {"cart": Priority.CRITICAL}
DOWN = TryAgainError.single("MR671", "the store does not answer")
OURS = own_fault(KeyError("ann@example.com"))


def effects(*names: str, kind: EffectKind = EffectKind.UPDATE) -> pa.RecordBatch:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [
        {
            **{"name": name, "kind": kind, "execution_id": name, "workflow": "cart", "user_id": name, "step": "s"},
            **{"occurrence": "0", "at": at, "payload": "{}"},
        }
        for name in names
    ]
    return pa.RecordBatch.from_pylist(rows, EFFECTS)


ADVANCE = Advance(1, "cart", pa.RecordBatch.from_pylist([], TAKEN), pa.RecordBatch.from_pylist([], EXECUTIONS))
SWEEP = Sweep(1, "cart", Sweeping.SEGMENT, 0, NOW)
PLAN = PlanSends(1, "cart", effects("s1", "s2", kind=EffectKind.SEND))
OUTBOX = pa.record_batch({"row": [0, 1]})
PLANNED = PlannedSends(1, "cart", ["s1", "s2"], OUTBOX, OUTBOX, {}, NOW)


class Recorder:
    """Remembers what it was told; ``answers`` are given, or raised."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.answers = answers

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, **more: Any) -> Any:
            self.calls.append((name, *given, *more.values()))
            answer = self.answers.get(name)
            if isinstance(answer, MailrayError):
                raise answer
            return answer

        return call


class World:
    def __init__(self) -> None:
        self.dispatcher, self.dates = Recorder(), Recorder()
        self.dispatcher.backlog = 0
        self.outbox = Recorder(commit=WORK, run_of=RUN, settle=2)
        self.faults: list[tuple[str, str]] = []
        self.executions = MemoryExecutions()
        feeds = {
            name: EffectFeed(self.executions, PRIORITIES, (kind,), 100)
            for name, kind in (("updates", "update"), ("calls", "call"), ("sends", "send"))
        }
        self.deliveries = Deliveries(count(1).__next__, 3)
        self.gathering = Gathering(PRIORITIES, [])
        self.parts: Any = Parts(
            **{"executions": self.executions, "intake": SimpleNamespace(open=0), "dispatcher": self.dispatcher},
            **{"dates": self.dates, "gathering": self.gathering, "outbox": self.outbox, "deliveries": self.deliveries},
            **{
                "paced": lambda _: False,
                "priorities": PRIORITIES,
                "numbers": count(1).__next__,
                "begun": NOW,
                "driver": "me",
            },
            **{"wall": lambda: NOW, **feeds},  # type: ignore[arg-type]
        )
        self.results = Results(self.parts, self)  # type: ignore[arg-type]

    def fault(self, what: str, diagnostics: Sequence[Diagnostic]) -> None:
        self.faults += [(what, each.code) for each in diagnostics]

    def take(self, task: Task, outcome: Result | MailrayError | Lost) -> None:
        self.results.take(Ended(task, outcome, 0.5), "here", NOW)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("outcome", "told", "ended"),
    [
        (DOWN, ("executions", "MR671"), True),
        (OURS, ("executions", "MR900"), False),
        (InputError.single("MR672", "the store is damaged"), ("executions", "MR672"), False),
        (Lost("killed"), ("here", "MR885"), True),
    ],
)
def test_executions_that_failed_are_free_at_once_unless_they_would_fail_without_end(
    world: World, outcome: Any, told: Any, ended: bool
) -> None:
    world.take(ADVANCE, outcome)
    assert world.faults == [told]
    assert world.dispatcher.calls == [("lost", 1, NOW, ended)]


@pytest.mark.parametrize("outcome", [DOWN, OURS, Lost("killed")])
def test_everything_else_that_failed_comes_again_after_a_pause(world: World, outcome: Any) -> None:
    parts = world.parts
    world.take(SWEEP, outcome)
    assert world.dates.calls == [("failed", SWEEP)]
    world.take(Apply(1, effects("u1")), outcome)
    world.take(Apply(2, effects("c1", kind=EffectKind.CALL)), outcome)
    parts.gathering.add(PLAN.effects, NOW, NOW + LEASE)
    ((name, batch),) = parts.gathering.ready(NOW)
    world.take(PlanSends(1, name, batch), outcome)
    again = [
        [each.column("name").to_pylist() for each in feed.take(NOW + PAUSE)]
        for feed in (parts.updates, parts.calls, parts.sends)
    ]
    assert again == [[["u1"]], [["c1"]], [["s1", "s2"]]]
    world.deliveries.add(Outgoing(RUN, WORK, Priority.CRITICAL))
    ((_, deliver),) = world.deliveries.next(["here"], NOW)
    world.take(deliver, outcome)
    assert [*world.deliveries.next(["here"], NOW + FIRST_PAUSE - 1)] == []
    assert [task.work for _, task in world.deliveries.next(["here"], NOW + FIRST_PAUSE)] == [WORK]


def test_what_a_fault_of_ours_says_is_told_without_naming_anybody(world: World) -> None:
    def broken(task: Task) -> Result:
        raise ValueError("ann@example.com is wrong")

    crew = ThreadCrew(SimpleNamespace(do=broken, stop=lambda: None, close=lambda: None), lambda: 0.0)  # type: ignore[arg-type]
    crew.start("here", ADVANCE)
    (ended,) = crew.ended(60)
    crew.close()
    assert isinstance(ended.outcome, InternalError)
    (diagnostic,) = ended.outcome.diagnostics
    assert diagnostic.code == "MR900"
    assert "ValueError at test_results.py:" in diagnostic.message
    assert "ann" not in diagnostic.message


def test_faults_of_ours_end_the_job_only_when_nothing_else_goes(world: World) -> None:
    for _ in range(MOST_FAULTS - 1):
        world.take(ADVANCE, OURS)
    world.take(SWEEP, Swept(1, 0, None))
    for _ in range(MOST_FAULTS - 1):
        world.take(ADVANCE, OURS)
    with pytest.raises(InternalError):
        world.take(ADVANCE, OURS)
    assert world.results.counts["faults"] == 2 * MOST_FAULTS - 1


def test_a_mark_that_cannot_be_kept_now_does_not_end_the_job(world: World) -> None:
    world.dates.answers["finished"] = DOWN
    world.take(SWEEP, Swept(1, 3, None))
    assert world.faults == [("dates", "MR671")]


def test_what_came_of_executions_is_counted_and_whoever_waits_for_it_is_told(world: World) -> None:
    for feed in (world.parts.updates, world.parts.sends):
        assert [*feed.take(NOW)] == []
    broken = (Diagnostic("MR862", "a workflow fails"),)
    world.take(ADVANCE, Advanced(1, ["t1"], ["t2"], entered=2, executions=3, effects=4, strangers=1, faults=broken))
    assert dict(world.results.counts) == {"entered": 2, "executions": 3, "effects": 4, "strangers": 1}
    assert world.faults == [("workflow", "MR862")]
    assert [name for name, *_ in world.dispatcher.calls] == ["finished", "told"]


def test_updates_and_calls_are_counted_apart_and_what_is_left_of_them_comes_again(world: World) -> None:
    world.take(Apply(1, effects("u1", "u2")), Applied(1, 2))
    world.take(Apply(2, effects("c1", "c2", kind=EffectKind.CALL)), Applied(2, 1))
    assert dict(world.results.counts) == {"updates": 2, "calls": 1}
    assert not world.parts.updates.waits(NOW)
    assert world.parts.calls.waits(NOW + LEASE - 1)


def test_planned_messages_are_written_then_settled_then_delivered(world: World) -> None:
    world.parts.gathering.add(PLAN.effects, NOW, NOW + LEASE)
    assert len([*world.parts.gathering.ready(NOW)]) == 1
    world.take(PLAN, PLANNED)
    assert [name for name, *_ in world.outbox.calls] == ["commit", "run_of", "settle"]
    assert [task.work for _, task in world.deliveries.next(["here"], NOW)] == [WORK]
    assert world.results.counts["messages"] == 2


@pytest.mark.parametrize(("what", "delivered"), [("commit", 0), ("settle", 1)])
def test_messages_that_cannot_be_written_come_again_and_those_that_are_not_settled_yet_go(
    world: World, what: str, delivered: int
) -> None:
    world.parts.gathering.add(PLAN.effects, NOW, NOW + LEASE)
    assert len([*world.parts.gathering.ready(NOW)]) == 1
    world.outbox.answers[what] = DOWN
    world.take(PLAN, PLANNED)
    assert world.faults == [("messages", "MR671")]
    assert len([*world.deliveries.next(["here"], NOW)]) == delivered
    assert len([*world.parts.sends.take(NOW + PAUSE)]) == 1 - delivered


def test_a_partition_that_comes_again_is_counted_once(world: World) -> None:
    counts: Counter[str] = Counter()
    measured = pa.record_batch({"execution_id": ["a"]})
    for accepted, deferred, due in ((1, 1, NOW), (2, 0, None)):
        world.deliveries.add(Outgoing(RUN, WORK, Priority.CRITICAL))
        ((_, task),) = [*world.deliveries.next(["here"], NOW)]
        outcomes = {"accepted": accepted, "deferred": deferred, "rejected": 0, "skipped": 0, "unknown": 0}
        world.take(
            task, Delivered(task.number, RUN, PartitionDelivery(0, outcomes, {}, next_due=due), measured=measured)
        )
        counts = Counter(world.results.counts)
    assert +counts == Counter(accepted=2)
    world.deliveries.add(Outgoing(RUN, WORK, Priority.CRITICAL))
    ((_, stopped),) = [*world.deliveries.next(["here"], NOW)]
    world.take(stopped, Delivered(stopped.number, RUN, PartitionDelivery(0, {}, {}, stopped=True), stopped=True))
    assert +Counter(world.results.counts) == Counter(accepted=2)
    assert len(world.results.measured) == 2


def test_the_job_is_idle_when_nothing_is_in_hand_waits_or_comes_again_soon(world: World) -> None:
    job = Automation(world.parts, Recorder(), world)  # type: ignore[arg-type]
    assert job.idle
    world.parts.intake.open = 1
    assert not job.idle
    world.parts.intake.open = 0
    world.parts.calls.given_up(["c1"], NOW - LEASE + 1)
    assert not job.idle
    world.parts.calls.given_up([], NOW - LEASE)
    assert job.idle
    world.parts.gathering.add(PLAN.effects, NOW, NOW + LEASE)
    assert not job.idle
    [*world.parts.gathering.ready(NOW)]
    assert job.idle
    world.deliveries.add(Outgoing(RUN, WORK, Priority.CRITICAL))
    assert not job.idle
    ((_, task),) = [*world.deliveries.next(["here"], NOW)]
    assert not job.idle
    world.deliveries.failed(task.number, NOW)
    assert not job.idle
    world.dispatcher.backlog = 2
    world.deliveries.ended(
        next(task.number for _, task in world.deliveries.next(["here"], NOW + FIRST_PAUSE)), None, NOW
    )
    assert not job.idle
    world.dispatcher.backlog = 0
    assert job.idle
