"""A driver's queue in a world where everything fails: the store, the queue, workers, and the driver itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from engine.adapters.queues.memory import MemoryQueue
from engine.audience.store import ARRIVED
from engine.campaign.schema import Campaign
from engine.errors import TryAgainError
from engine.pipeline.automation.contract import LEASE, Advance, Advanced, LiveWorkflow
from engine.pipeline.automation.dispatch import Dispatcher
from engine.pipeline.automation.intake import MARK, Hearing, Intake
from engine.pipeline.definition import PlanDefinition
from engine.queueing.admission import Room
from engine.workflow.definition import definition_of
from engine.workflow.executions import ENTRIES, EXECUTIONS, execution_id
from engine.workflow.memory import MemoryExecutions

BEGINNING = 1_790_000_000_000_000
SECOND = 1_000_000
LIMIT = 2
WORKFLOWS: dict[str, dict[str, Any]] = {
    "cart": {
        "priority": "critical",
        "trigger": {"event": "left"},
        "exit": [{"event": "bought"}],
        "capacity": {"concurrent_executions": LIMIT},
    },
    "thanks": {"priority": "low", "trigger": {"event": "bought"}, "goal": {"event": "left"}},
}
HEARD = {"cart": {"left", "bought", "trigger:cart"}, "thanks": {"left", "bought", "trigger:thanks"}}


def live(name: str) -> LiveWorkflow:
    campaign = Campaign.model_validate(
        {
            **{"name": name, "type": "abandoned_cart", "audience": {"source": "a.parquet", "key": "id"}},
            **{"events": {"left": {}, "bought": {}}, "delivery": {"from": {"address": "shop@example.com"}}},
            **{"workflow": [{"id": "pause", "type": "wait_condition", "for": "1 day"}], **WORKFLOWS[name]},
        }
    )
    plan = PlanDefinition(campaign, pa.schema([("id", pa.string())]), (), datetime(2026, 9, 1, tzinfo=UTC))
    return LiveWorkflow(plan, definition_of(campaign))


class Faults:
    """What becomes of the next calls: they go well, or fail before or after they have done what they were asked."""

    def __init__(self) -> None:
        self.coming: list[str] = []

    def around(self, work: Callable[[], Any]) -> Any:
        fault = self.coming.pop(0) if self.coming else "well"
        answer = None if fault == "before" else work()
        if fault == "well":
            return answer
        raise TryAgainError.single("MR671", "it does not answer")


class Log:
    """The events of a store; positions have gaps, as a database's have."""

    def __init__(self, faults: Faults) -> None:
        self.rows: list[dict[str, Any]] = []
        self._faults = faults

    def put(self, user: str, event: str, at: int) -> int:
        position = (self.rows[-1]["position"] if self.rows else 0) + 1 + len(self.rows) % 3
        name = f"e{position}"
        self.rows.append({"event_id": name, "user_id": user, "event_type": event, "position": position, "at": at})
        return position

    def events(self, after: int, most: int) -> tuple[pa.RecordBatch, int]:
        found = [row for row in self.rows if row["position"] > after][:most]
        arrays = [
            pa.array([row["at"] for row in found], pa.int64()).view(field.type)
            if field.name == "event_time"
            else pa.array([row.get(field.name) for row in found], field.type)
            for field in ARRIVED
        ]
        answer = pa.RecordBatch.from_arrays(arrays, schema=ARRIVED), found[-1]["position"] if found else after
        return self._faults.around(lambda: answer)  # type: ignore[no-any-return]


class FailingQueue(MemoryQueue):
    def __init__(self, clock: Callable[[], float], faults: Faults) -> None:
        super().__init__(clock)
        self._faults = faults

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        return list(self._there.values())

    def put(self, items: pa.RecordBatch) -> int:
        return int(self._faults.around(lambda: super(FailingQueue, self).put(items)))

    def take(self, tenant: str, workflow: str, most: int, lapse: float) -> pa.RecordBatch:
        return self._faults.around(lambda: super(FailingQueue, self).take(tenant, workflow, most, lapse))

    def hold(self, tickets: Sequence[str]) -> None:
        self._faults.around(lambda: super(FailingQueue, self).hold(tickets))

    def done(self, tickets: Sequence[str]) -> int:
        return int(self._faults.around(lambda: super(FailingQueue, self).done(tickets)))


class World:
    """Who has met what: an execution leaves out whatever is not later than what it has met."""

    def __init__(self) -> None:
        self.now = BEGINNING
        self.faults = Faults()
        self.log = Log(self.faults)
        self.queue = FailingQueue(lambda: self.now / 1e6, self.faults)
        self.executions = MemoryExecutions()
        self.live = [live(name) for name in WORKFLOWS]
        self.log.put("ann", "left", self.now)  # before the first start: told to nobody
        self.caused: set[tuple[str, int]] = set()
        self.met: set[tuple[str, int]] = set()
        self.notices: Counter[tuple[str, str]] = Counter()
        self.seen: dict[tuple[str, str], int] = {}
        self.begun = 0
        self.failed = 0
        self.in_hand: dict[int, Advance] = {}
        self.start()

    def start(self) -> None:
        self.in_hand.clear()
        self.intake = Intake(
            self.log,  # type: ignore[arg-type]  # all of a store that is needed
            self.queue,
            self.executions,
            Hearing.of(self.live, self.executions),
        )
        room = Room(scheduled=100)
        self.dispatcher = Dispatcher(self.queue, self.executions, self.live, self._done, self.now, room)

    def restart(self, *, empty: bool) -> None:
        """The driver is killed; a queue that was empty afterwards has lost all that it had."""
        self.faults.coming.clear()
        if empty:
            self.queue = FailingQueue(lambda: self.now / 1e6, self.faults)
        kept = {(row[2], row[4]) for row in self.queue.rows if "changed" in row[0]}
        self.notices = Counter({each: number for each, number in self.notices.items() if each in kept})
        self.start()

    def attempt(self, work: Callable[[], object]) -> None:
        try:
            work()
        except TryAgainError:
            self.failed += 1

    def happen(self, user: str, event: str) -> None:
        position = self.log.put(user, event, self.now)
        self.caused |= {(name, position) for name, heard in HEARD.items() if event in heard}

    def change(self, users: Sequence[str]) -> None:
        self.notices.update((name, user) for name in WORKFLOWS for user in users)
        self.attempt(lambda: self.intake.changed(dict.fromkeys(WORKFLOWS, users), self.now))

    def enter(self, user: str) -> None:
        self.begun += 1
        row = {
            **{"execution_id": execution_id("cart", user, str(self.begun)), "workflow": "cart", "version": "v1"},
            **{"user_id": user, "trigger": "event:left", "step": "pause", "at": self.now, "context": None},
        }
        stored = pa.RecordBatch.from_arrays(
            [
                pa.array([row[field.name]], pa.int64() if field.name == "at" else field.type).cast(field.type)
                for field in ENTRIES
            ],
            schema=ENTRIES,
        )
        self.begun -= 1 - self.executions.enter(stored, 0).num_rows

    def hand_out(self, places: int) -> None:
        free = ["one", "two"] * places
        for _, task in self.dispatcher.next(free[:places], Counter[str](), self.now):
            people = _people(task)
            assert not people & {each for other in self.in_hand.values() for each in _people(other)}
            self.in_hand[task.number] = task
            at_work = {user for other in self.in_hand.values() for name, user in _people(other) if name == "cart"}
            assert len(at_work) <= LIMIT

    def finish(self, which: int) -> None:
        if self.in_hand:
            number = sorted(self.in_hand)[which % len(self.in_hand)]
            advanced = self._work(self.in_hand.pop(number))
            self.dispatcher.finished(advanced, 0.01, self.now)

    def lose(self, which: int, *, worked: bool, ended: bool) -> None:
        if self.in_hand:
            number = sorted(self.in_hand)[which % len(self.in_hand)]
            task = self.in_hand.pop(number)
            if worked:
                self._work(task)
            self.dispatcher.lost(number, self.now, ended=ended)

    def check(self) -> None:
        """The mark is behind all that has not been met."""
        self.intake.save_mark()
        marks = json.loads(self.executions.mark(MARK) or "{}")
        assert all((name, position) in self.met for name, position in self.caused if position <= marks[name])

    def settle(self) -> None:
        """Nothing fails any more."""
        self.faults.coming.clear()
        for _ in range(200):
            while self.intake.read(self.now):
                pass
            self.dispatcher.told()
            self.dispatcher.fill(self.now)
            self.hand_out(4)
            while self.in_hand:
                self.finish(0)
            self.dispatcher.fill(self.now)
            if self.dispatcher.idle and not self.intake.open and not self.alive():
                return
            self.now += 7 * SECOND
        raise AssertionError("it never comes to rest")

    @property
    def last(self) -> int:
        return int(self.log.rows[-1]["position"])

    def alive(self) -> int:
        counts = self.executions.counts("cart").to_pylist()
        return sum(row["executions"] for row in counts if row["state"] != "done")

    def _done(self, workflow: str, positions: npt.NDArray[np.int64]) -> None:
        self.intake.done(workflow, positions)

    def _work(self, task: Advance) -> Advanced:
        """As a worker does it: what is due goes on; events are met by whoever is free."""
        if task.executions.num_rows:
            rows = [row | {"state": "done", "due": None, "ended_at": row["due"]} for row in task.executions.to_pylist()]
            saved = pa.RecordBatch.from_pylist(rows, EXECUTIONS)
            self.executions.save(saved, _NO_HISTORY, _NO_EFFECTS)
            return Advanced(task.number, (), ())
        users = task.items.column("user_id").to_pylist()
        claimed = self.executions.concerned(task.workflow, users, self.now, self.now + LEASE)
        self.executions.release(claimed.executions)
        done, held = [], []
        for row in task.items.to_pylist():
            if row["user_id"] in claimed.busy:
                held.append(row["ticket"])
                continue
            done.append(row["ticket"])
            self._meet(task.workflow, row["user_id"], json.loads(row["payload"]))
        return Advanced(task.number, done, held)

    def _meet(self, workflow: str, user: str, told: dict[str, Any]) -> None:
        if told["position"] > self.seen.get((workflow, user), 0):
            self.seen[workflow, user] = told["position"]
            if "event_id" in told:
                self.met.add((workflow, int(told["event_id"][1:])))
            else:
                self.notices.pop((workflow, user), None)


_NO_HISTORY = pa.RecordBatch.from_pylist([], pa.schema([("execution_id", pa.string())]))
_NO_EFFECTS = pa.RecordBatch.from_pylist([], pa.schema([("execution_id", pa.string()), ("name", pa.string())]))


def _people(task: Advance) -> set[tuple[str, str]]:
    users = [*task.items.column("user_id").to_pylist(), *task.executions.column("user_id").to_pylist()]
    return {(task.workflow, user) for user in users}


@pytest.fixture
def make_world() -> Callable[[], World]:
    return World
