"""What is worked on next: items of the queue and executions that are due, by service level, in micro-batches for the workers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice, takewhile

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.campaign.schema import Priority
from engine.errors import TryAgainError
from engine.pipeline.automation.contract import LEASE, Advance, Advanced, LiveWorkflow
from engine.pipeline.automation.dispatch_figures import LevelFigures, Waits, level_figures
from engine.pipeline.automation.dispatch_people import Batch, Claim, Person, Told, WaitingPeople, gather
from engine.pipeline.definition import TENANT
from engine.queueing.admission import LEAST, Room
from engine.queueing.alarms import DepthAlarm, DepthAlarms
from engine.queueing.balance import worker_for
from engine.queueing.batching import BatchSize
from engine.queueing.contract import TAKEN, Queue
from engine.queueing.levels import LEVELS
from engine.queueing.scheduler import Most
from engine.workflow.executions import EXECUTIONS, ExecutionStore

TARGETS: Mapping[Priority, float] = {
    Priority.CRITICAL: 0.05,
    Priority.HIGH: 0.1,
    Priority.NORMAL: 0.15,
    Priority.LOW: 0.2,
    Priority.BATCH: 0.2,
}
"""Seconds that a batch may take. All are short: nobody is interrupted, so that a critical item waits for the end of some batch."""
FIRST = 64
"""Persons in the first batch of a workflow, of which nobody knows yet how long it takes."""
LAPSE = 600_000_000
"""Microseconds after which the queue gives an item that nobody holds to somebody else."""
HOLD = LAPSE // 3
TOGETHER = 4_096
"""Items of one question to the queue."""
LOOK_ITEMS, LOOK_DUE, LOOK_DEPTHS = 1_000_000, 250_000, 5_000_000
"""Microseconds until it is looked again where no more was found, unless somebody says that there is something, or the clock goes back."""

DoneCallback = Callable[[str, npt.NDArray[np.int64]], None]
"""Is told a workflow, and the positions of its items that need nothing more."""


@dataclass(frozen=True, slots=True)
class _Task:
    batch: Batch
    rows: int


class Dispatcher:
    """For one thread; instants are UTC microseconds. ``begun`` is when the driver began: what was taken before that is free.

    Queue and store may fail at any time: whatever raises TryAgainError may be called again, and nothing is lost.
    """

    def __init__(
        self,
        queue: Queue,
        executions: ExecutionStore,
        live: Sequence[LiveWorkflow],
        done: DoneCallback,
        begun: int,
        room: Room | None = None,
    ) -> None:
        self._queue, self._executions, self._done = queue, executions, done
        self._room = room or Room()
        self._live = {each.name: each.plan.campaign for each in live}
        self._names = {
            priority: names
            for priority in Priority
            if (names := [name for name, campaign in self._live.items() if campaign.priority is priority])
        }
        self._sizes = {name: BatchSize(TARGETS[campaign.priority], size=FIRST) for name, campaign in self._live.items()}
        self._people = WaitingPeople()
        self._tasks: dict[int, _Task] = {}
        self._numbers = count(1)
        # The ticket of each item that is here, and since when it is held; the earliest first.
        self._held: dict[str, int] = {}
        self._finished: list[tuple[str, str, int]] = []  # ticket, workflow, position: the queue is still to be told
        self._given_back: list[Claim] = []
        self._here: Counter[Priority] = Counter()  # items and claims, waiting or in work
        self._own: Counter[str] = Counter()  # the same by workflow
        self._claimed: Counter[str] = Counter()  # by workflow: claims that wait
        self._in_work: Counter[Priority] = Counter()  # items and claims
        self._people_in_work: Counter[str] = Counter()
        self._since = dict.fromkeys(self._live, begun)  # what was taken of a workflow before, and is not here, is free
        self._look_items: dict[str, int] = {}  # when to look again for more of a workflow
        self._look_due: dict[Priority, int] = {}
        self._places = 1
        self._filled = 0
        self._outside: dict[Priority, int] = dict.fromkeys(Priority, 0)
        self._next_count = 0
        self._alarms = DepthAlarms()
        self._waits = {priority: Waits() for priority in Priority}

    @property
    def idle(self) -> bool:
        """Nothing is in work, nothing waits, and nothing more was found when it was last looked."""
        here = len(self._people) or self._tasks or self._finished or self._given_back
        return (
            not here
            and self._found_all(self._live)
            and all(self._look_due.get(each, 0) > self._filled for each in self._names)
        )

    @property
    def backlog(self) -> int:
        """Items and executions that are here, waiting or in work, and those outside, as far as it was last looked."""
        return self._here.total() + sum(self._outside.values())

    def told(self) -> None:
        """There may be new items, or executions that are due at once."""
        self._look_items.clear()
        self._look_due.clear()

    def fill(self, now: int, *, behind: bool = False) -> None:
        """Tell the queue what is done, keep what is here, and take what there is room for. What fails does not keep the rest from it.

        While the intake is ``behind`` with events that happened long ago, nobody is looked for who is due: an exit may be among them.
        """
        self._filled = now
        self._people.wake(now)
        faults = []
        look = () if behind else (self._claim,)
        for part in (self._settle, self._release, self._hold, self._take, *look, self._count):
            try:
                part(now)
            except TryAgainError as fault:
                faults.append(fault)
        if faults:
            raise faults[0]

    def next(self, free: Sequence[str], load: Mapping[str, int], now: int) -> Iterator[tuple[str, Advance]]:
        """What is to be done now, and by whom. ``free``: a worker for each task that can be given, one may be named often; ``load``: the
        items and executions that each has in hand.

        Nobody is interrupted, so of several places one is kept for what is critical, as long as that takes no more than its share.
        """
        self._places = max(1, len(free))
        places, in_hand = Counter(free), dict(load)
        while (
            places and (batch := self._batch(now, self._most_urgent if self._kept(places) else self._most)) is not None
        ):
            items, claims = batch.items, batch.claims
            rows = len(items) + len(claims)
            worker = worker_for(batch.workflow, {each: in_hand.get(each, 0) for each in places}, rows)
            places -= Counter([worker])
            in_hand[worker] = in_hand.get(worker, 0) + rows
            self._in_work[batch.priority] += rows
            arrived = [*(each.arrived for each in items), *(each.arrived for each in claims)]
            waited = now - np.array(arrived, np.int64)
            self._waits[batch.priority].add(waited, LEVELS[batch.priority].wait)
            number = next(self._numbers)
            self._tasks[number] = _Task(batch, rows)
            yield worker, Advance(number, batch.workflow, gather(items, TAKEN), gather(claims, EXECUTIONS))

    def finished(self, advanced: Advanced, seconds: float, now: int) -> None:
        """A task has ended after so long. One that was given up as lost counts for nothing: what it had comes again."""
        task = self._tasks.pop(advanced.number, None)
        if task is not None:
            self._sizes[task.batch.workflow].learn(len(task.batch.people), seconds)
            self._end(task.batch, task.rows, set(advanced.done), now)

    def lost(self, number: int, now: int, *, ended: bool) -> None:
        """A task has failed, or its worker is gone. ``ended``: for certain nobody works on it any more, and its executions are free at
        once; else when their lease ends."""
        task = self._tasks.pop(number, None)
        if task is not None:
            self._given_back += task.batch.claims if ended else ()
            self._end(task.batch, task.rows, set(), now)

    def alarms(self, now: int) -> list[DepthAlarm]:
        """What has changed since the last look."""
        return self._alarms.look(self._people.scheduler.depths(), self._people.scheduler.oldest(), now)

    def figures(self) -> dict[Priority, LevelFigures]:
        return level_figures(self._here, self._in_work, self._outside, self._waits, self._people.scheduler.oldest())

    def by_workflow(self) -> dict[str, int]:
        """Items and executions that are here, waiting or in work."""
        return {name: self._own[name] for name in self._live}

    def _settle(self, now: int) -> None:
        if not self._finished:
            return
        self._queue.done([ticket for ticket, _, _ in self._finished])
        by_workflow: dict[str, list[int]] = {}
        for ticket, workflow, position in self._finished:
            self._held.pop(ticket, None)
            by_workflow.setdefault(workflow, []).append(position)
        self._finished = []
        for workflow, positions in by_workflow.items():
            self._done(workflow, np.array(positions, np.int64))

    def _release(self, now: int) -> None:
        if self._given_back:
            self._executions.release(gather(self._given_back, EXECUTIONS))
            self._given_back = []
            self._look_due.clear()

    def _hold(self, now: int) -> None:
        long = takewhile(lambda each: each[1] <= now - HOLD, self._held.items())
        tickets = [ticket for ticket, _ in islice(long, TOGETHER)]
        if tickets:
            self._queue.hold(tickets)
            self._note_held(tickets, now)

    def _note_held(self, tickets: Sequence[str], now: int) -> None:
        for ticket in tickets:
            self._held.pop(ticket, None)
            self._held[ticket] = now

    def _take(self, now: int) -> None:
        for workflow in self._live:
            most = min(TOGETHER, self._free(workflow))
            if most < LEAST // 2 or now < self._look_items.get(workflow, 0) <= now + LOOK_ITEMS:
                continue
            lapse = min(LAPSE, now - self._since.setdefault(workflow, now)) / 1e6
            try:
                taken = self._queue.take(TENANT, workflow, most, lapse)
            except TryAgainError:
                del self._since[workflow]  # it may have taken some, and only its answer was lost
                raise
            self._look_items[workflow] = now if taken.num_rows == most else now + LOOK_ITEMS
            self._tell(workflow, taken, now)

    def _tell(self, workflow: str, taken: pa.RecordBatch, now: int) -> None:
        priority = self._live[workflow].priority
        tickets, users, payloads = (taken.column(name).to_pylist() for name in ("ticket", "user_id", "payload"))
        arrived = taken.column("arrived").view(pa.int64()).to_pylist()
        for row, (ticket, user, payload, at) in enumerate(zip(tickets, users, payloads, arrived, strict=True)):
            if ticket in self._held:
                continue
            position = _position(payload)
            if position is None:
                self._finished.append((ticket, workflow, -1))
                continue
            self._count_here(priority, workflow, 1)
            self._people.tell(TENANT, workflow, priority, user, Told(position, ticket, at, taken, row))
        self._note_held(tickets, now)

    def _claim(self, now: int) -> None:
        """A little ahead of the workers, for claims end; and no workflow so much that it keeps others from theirs."""
        for priority, names in self._names.items():
            if now < self._look_due.get(priority, 0) <= now + LOOK_DUE:
                continue
            ahead = {name: (self._places + 1) * self._sizes[name].size - self._claimed[name] for name in names}
            able = [name for name in names if ahead[name] > 0 and self._free(name)]
            if not able:
                continue
            most = min(max(ahead[name] for name in able), max(self._free(name) for name in able))
            found = self._executions.due(able, now, most, now + LEASE)
            more = found.num_rows == most or len(able) < len(names)
            self._look_due[priority] = now if more else now + LOOK_DUE
            columns = (found.column(name).to_pylist() for name in ("execution_id", "workflow", "user_id"))
            due = found.column("due").view(pa.int64()).to_pylist()
            for row, (name, workflow, user, at) in enumerate(zip(*columns, due, strict=True)):
                claim = Claim(name, at, now + LEASE, found, row)
                if self._people.claim(TENANT, workflow, priority, user, claim):
                    self._count_here(priority, workflow, 1)
                    self._claimed[workflow] += 1

    def _free(self, workflow: str) -> int:
        priority = self._live[workflow].priority
        return self._room.free(priority, self._here[priority], self._own[workflow])

    def _count_here(self, priority: Priority, workflow: str, number: int) -> None:
        self._here[priority] += number
        self._own[workflow] += number

    def _count(self, now: int) -> None:
        """What there was no room for, or no time to take. The queue itself is asked only if there is such."""
        left = {priority for priority, names in self._names.items() if not self._found_all(names)}
        if not left:
            self._outside = dict.fromkeys(Priority, 0)
        elif now >= self._next_count:
            depths, held = self._queue.depths(TENANT), self._here
            self._outside = {each: max(0, depths[each] - held[each]) if each in left else 0 for each in Priority}
            self._next_count = now + LOOK_DEPTHS

    def _found_all(self, workflows: Iterable[str]) -> bool:
        return all(self._look_items.get(name, 0) > self._filled for name in workflows)

    def _kept(self, places: Counter[str]) -> bool:
        """Whether the others have all places but one. The one that a critical batch is in is that one."""
        whole = places.total() + len(self._tasks)
        others = sum(task.batch.priority is not Priority.CRITICAL for task in self._tasks.values())
        return (
            Priority.CRITICAL in self._names
            and others == whole - 1 > 0
            and self._people.scheduler.has_credit(Priority.CRITICAL)
        )

    def _batch(self, now: int, most: Most) -> Batch | None:
        """The next batch of which something is left when claims that end too soon are given back."""
        while (batch := self._people.take(most)) is not None:
            self._people_in_work[batch.workflow] += len(batch.people)
            self._claimed[batch.workflow] -= len(batch.claims)
            for person in batch.people:
                stale = [claim for claim in person.claims_in_work if claim.until < now + LEASE // 2]
                self._given_back += stale
                self._count_here(batch.priority, batch.workflow, -len(stale))
                person.claims_in_work = [claim for claim in person.claims_in_work if claim not in stale]
            if batch.items or batch.claims:
                return batch
            self._end(batch, 0, set(), now)
        return None

    def _most(self, workflow: str) -> int:
        most = self._live[workflow].capacity.concurrent_executions - self._people_in_work[workflow]
        return min(self._sizes[workflow].size, most)

    def _most_urgent(self, workflow: str) -> int:
        return self._most(workflow) if self._live[workflow].priority is Priority.CRITICAL else 0

    def _end(self, batch: Batch, rows: int, done: set[str], now: int) -> None:
        self._in_work[batch.priority] -= rows
        self._people_in_work[batch.workflow] -= len(batch.people)
        for person in batch.people:
            self._count_here(batch.priority, batch.workflow, -len(person.claims_in_work))
            self._people.back(person, self._again(person, done), now)

    def _again(self, person: Person, done: set[str]) -> list[Told]:
        again = []
        for told in person.items_in_work:
            if told.ticket in done:
                self._count_here(person.priority, person.workflow, -1)
                self._finished.append((told.ticket, person.workflow, told.position))
            else:
                again.append(told)
        return again


def _position(payload: str | None) -> int | None:
    """None for what no intake has put: whoever can write to the queue can put anything there."""
    try:
        position = json.loads(payload or "")["position"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return position if isinstance(position, int) and 0 < position < 1 << 63 else None
