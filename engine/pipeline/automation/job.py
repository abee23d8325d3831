"""The driver of an automation: what has happened, what is due and what was decided goes to workers; their results are put on record.

Nothing is kept here that a crash could lose: events wait in the store and the queue, executions and effects in their store, messages in
partitions. What does not answer is asked again after a pause, and keeps nothing else from going on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import pyarrow as pa

from engine.errors import RefusedError, ServiceError, TryAgainError
from engine.pipeline.automation.contract import LEASE, Advance, Apply, PlanSends, Task
from engine.pipeline.automation.crew import Crew
from engine.pipeline.automation.gathering import WAITS
from engine.pipeline.automation.parts import Parts, Watch
from engine.pipeline.automation.results import Results

ADVANCES_AT_A_TIME = 2
"""Of one worker: while one waits for the store, the other computes."""
CALLS_TOGETHER = 64
PAGES = 8
"""Pages of events that are taken in before anything else is looked at."""
PAUSE = 2_000_000
"""Microseconds after which what did not answer is asked again."""
ACTIVE, QUIET = 0.01, 0.1
"""Seconds that the end of a task is waited for, when something went on and when nothing did."""
DRIVER = "driver"
"""The mark of whoever began last: the others end."""
OFTEN, SELDOM = 2_000_000, 3_600_000_000
"""Microseconds between looks at orders and other runs, and between those at files to put together."""


class Automation:
    """Works until it is told to stop. For one thread."""

    def __init__(self, parts: Parts, crew: Crew, watch: Watch) -> None:
        self._parts, self._crew, self._watch = parts, crew, watch
        self._wall = parts.wall
        self._results = Results(parts, watch)
        self._in_hand: dict[tuple[type, int], tuple[str, int]] = {}  # worker, and rows of an Advance
        self._paused: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._active = False
        self._draining = False
        self._behind = False

    def run(self, stopped: Callable[[], bool], *, drain: bool = False) -> None:
        """Go on until ``stopped``; with ``drain``, also when there is nothing left that could be done now.

        Raises what is wrong with the parts or a fault of ours, and RefusedError (MR887) when another driver has begun on these stores;
        what does not answer is told to the watch.
        """
        self._draining = drain
        while not stopped() and not self._recovered():
            self._collect(QUIET)
        quiet = 0
        while not stopped():
            self._active = False
            self._tick(self._wall())
            self._collect(ACTIVE if self._active else QUIET)
            if self._active or not self.idle:
                quiet = 0
            elif drain and (quiet := quiet + 1) > 1:
                break
            elif drain:
                self._look_again()
        self._end()

    @property
    def counts(self) -> Mapping[str, int]:
        """What was done since the start."""
        return self._results.counts

    @property
    def idle(self) -> bool:
        """Whether nothing is in hand, waits, or could be done now."""
        parts = self._parts
        waiting = len(parts.gathering) + len(parts.deliveries) + parts.intake.open + self._parts.dispatcher.backlog
        effects = any(feed.waits(self._wall()) for feed in (parts.updates, parts.calls, parts.sends))
        return not self._in_hand and not waiting and not effects and not self._paused

    def _recovered(self) -> bool:
        """Whether what an earlier job has left is where it can go on: the newest partitions are settled, and then whatever was in
        its hands is free again, for it is gone, or ends when it learns of us."""
        parts = self._parts

        def recover(_: int) -> None:
            parts.executions.set_mark(DRIVER, parts.driver)
            parts.outbox.recover(parts.executions.settle)
            parts.executions.free(parts.begun + LEASE)

        return self._paused.get("recover", 0) <= self._wall() and self._guarded("recover", recover)

    def _tick(self, now: int) -> None:
        self._crew.demand(self._parts.dispatcher.backlog // 256 + len(self._parts.deliveries))
        for name, stage in (
            ("events", self._take_in),
            ("dates", self._sweep),
            ("schedule", self._advance),
            ("effects", self._apply),
            ("messages", self._plan),
            ("delivery", self._deliver),
            ("records", self._record),
        ):
            if self._paused.get(name, 0) <= now:
                self._guarded(name, stage)
        for alarm in self._parts.dispatcher.alarms(now):
            self._watch.alarm(alarm)
        self._watch.counted(self._results.counts, self._parts.dispatcher.backlog)

    def _guarded(self, name: str, stage: Callable[[int], object]) -> bool:
        """Whether the stage went through; if what it needs does not answer, it rests."""
        now = self._wall()
        try:
            stage(now)
        except (TryAgainError, ServiceError) as fault:
            self._paused[name] = now + PAUSE
            self._watch.fault(name, fault.diagnostics)
            return False
        self._paused.pop(name, None)
        return True

    def _take_in(self, now: int) -> None:
        intake = self._parts.intake
        self._behind = False
        for page in range(PAGES):
            read = intake.read(now)
            self._results.counts["events"] += read
            if not read:
                break
            self._behind = page == PAGES - 1
            self._active = True
            self._parts.dispatcher.told()
        if self._is_time("mark", now, PAUSE):
            intake.save_mark()
        if self._is_time("changes", now, PAUSE) and (users := self._parts.dates.changed(now)):
            if intake.changed(users, now):
                self._parts.dates.taken()
            self._parts.dispatcher.told()

    def _sweep(self, now: int) -> None:
        for task in self._parts.dates.tasks(now):
            self._start(task)

    def _advance(self, now: int) -> None:
        try:
            self._parts.dispatcher.fill(now, behind=self._behind)
        finally:  # what is here goes on, though the queue does not answer
            self._hand_out(now)

    def _hand_out(self, now: int) -> None:
        load, at_work = Counter[str](), Counter[str]()
        for (kind, _), (worker, rows) in self._in_hand.items():
            load[worker] += rows
            at_work[worker] += kind is Advance
        free = [each for each in self._crew.workers for _ in range(ADVANCES_AT_A_TIME - at_work[each])]
        for worker, task in self._parts.dispatcher.next(free, load, now):
            self._start(task, worker, task.items.num_rows + task.executions.num_rows)

    def _apply(self, now: int) -> None:
        for batch in self._parts.updates.take(now):
            self._start(Apply(self._parts.numbers(), batch))
        for batch in self._parts.calls.take(now):
            for start in range(0, batch.num_rows, CALLS_TOGETHER):
                self._start(Apply(self._parts.numbers(), batch.slice(start, CALLS_TOGETHER)))

    def _plan(self, now: int) -> None:
        parts = self._parts
        parts.outbox.settle(parts.executions.settle)
        for batch in parts.sends.take(now):
            parts.gathering.add(batch, now, now + LEASE)
        # Who waits for others waits for nobody when nothing else is under way and the job is to end.
        ahead = max(WAITS.values()) if self._draining and not self._in_hand else 0
        for workflow, effects in parts.gathering.ready(now + ahead):
            self._start(PlanSends(parts.numbers(), workflow, effects))

    def _deliver(self, now: int) -> None:
        parts = self._parts
        if self._is_time("open", now, OFTEN):
            for each in parts.outbox.open(parts.deliveries.busy):
                self._results.deliver(each)
                self._active = True
        for worker, task in parts.deliveries.next(self._crew.workers, now):
            self._start(task, worker)

    def _record(self, now: int) -> None:
        measured = self._results.measured
        if measured and self._is_time("measures", now, PAUSE):
            self._parts.executions.measure(pa.Table.from_batches(measured).combine_chunks().to_batches()[0])
            measured.clear()
        if self._is_time("alone", now, PAUSE) and self._parts.executions.mark(DRIVER) != self._parts.driver:
            help = "one job runs all workflows: give it all their folders"
            raise RefusedError.single("MR887", "another automation has begun to work on these stores", help=help)
        if self._is_time("tidy", now, SELDOM):
            self._parts.outbox.tidy(now - SELDOM)

    def _collect(self, seconds: float) -> None:
        for each in self._crew.ended(seconds):
            self._active = True
            worker, _ = self._in_hand.pop((type(each.task), each.task.number))
            self._results.take(each, worker, self._wall())

    def _start(self, task: Task, worker: str | None = None, rows: int = 0) -> None:
        worker = worker or self._least_busy()
        self._in_hand[type(task), task.number] = (worker, rows)
        self._crew.start(worker, task)
        self._active = True

    def _least_busy(self) -> str:
        at_work = Counter(worker for worker, _ in self._in_hand.values())
        return min(self._crew.workers, key=lambda each: at_work[each])

    def _is_time(self, name: str, now: int, every: int) -> bool:
        if now < self._next.get(name, 0):
            return False
        self._next[name] = now + every
        return True

    def _look_again(self) -> None:
        """Look everywhere at once: whether there is really nothing left."""
        parts = self._parts
        for each in (parts.updates, parts.calls, parts.sends, parts.dispatcher):
            each.told()
        self._next.clear()

    def _end(self) -> None:
        """Begin nothing more, wait for what is in hand, and put it on record."""
        self._crew.stop()
        while self._in_hand:
            self._collect(QUIET)
        self._next.clear()
        parts = self._parts
        for name, stage in (
            ("messages", lambda _: parts.outbox.settle(parts.executions.settle)),
            ("schedule", parts.dispatcher.fill),
            ("records", self._record),
            ("events", lambda _: parts.intake.save_mark()),
        ):
            self._guarded(name, stage)
        self._watch.counted(self._results.counts, self._parts.dispatcher.backlog)
