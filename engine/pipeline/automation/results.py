"""What becomes of tasks: the driver puts their results on record, and has what failed come again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from engine.errors import Diagnostic, InternalError, MailrayError, ServiceError, TryAgainError
from engine.pipeline.automation.contract import (
    Advance,
    Advanced,
    Applied,
    Apply,
    Deliver,
    Delivered,
    PlannedSends,
    PlanSends,
    Sweep,
    Swept,
    Task,
)
from engine.pipeline.automation.crew import Ended, Lost
from engine.pipeline.automation.deliveries import Outgoing
from engine.pipeline.automation.outbox import OpenWork
from engine.pipeline.automation.parts import Parts, Watch
from engine.workflow.executions import EffectKind

NAMES: dict[type[Task], str] = {
    Advance: "executions",
    Sweep: "dates",
    Apply: "effects",
    PlanSends: "messages",
    Deliver: "delivery",
}
"""What is told of a task's fault: what it was about."""
OUTCOMES = ("accepted", "deferred", "rejected", "skipped", "unknown")
MOST_FAULTS = 20
"""Faults of ours in a row, with nothing done in between, after which the job ends: nothing goes any more."""


class Results:
    """For one thread. ``counts`` is what was done since the start; ``measured`` is still to be kept."""

    def __init__(self, parts: Parts, watch: Watch) -> None:
        self._parts, self._watch = parts, watch
        self.counts: Counter[str] = Counter()
        self.measured: list[pa.RecordBatch] = []
        self._known: dict[tuple[Path, int], Mapping[str, int]] = {}
        self._faults = 0

    def take(self, ended: Ended, worker: str, now: int) -> None:
        """A fault of ours in one workflow keeps no other from going on. Raises InternalError when there is nothing else any more."""
        if isinstance(ended.outcome, Lost):
            self._watch.fault(worker, [Diagnostic("MR885", f"the worker is gone: {ended.outcome.reason}")])
            self._failed(ended, now)
        elif isinstance(ended.outcome, MailrayError):
            self._watch.fault(NAMES[type(ended.task)], ended.outcome.diagnostics)
            self._failed(ended, now)
            if isinstance(ended.outcome, InternalError):
                self.counts["faults"] += 1
                self._faults += 1
                if self._faults == MOST_FAULTS:
                    raise ended.outcome
        else:
            self._faults = 0
            self._on_record(ended, now)

    def _on_record(self, ended: Ended, now: int) -> None:
        """Whoever keeps a mark may not be able to just now, and does so the next time."""
        try:
            self._done(ended, now)
        except (TryAgainError, ServiceError) as fault:
            self._watch.fault(NAMES[type(ended.task)], fault.diagnostics)

    def _done(self, ended: Ended, now: int) -> None:
        match ended.task, ended.outcome:
            case Advance(), Advanced() as advanced:
                self._advanced(advanced, ended.seconds, now)
            case Sweep() as sweep, Swept() as swept:
                self._parts.dates.finished(sweep, swept)
                self.counts["entered"] += swept.entered
                self._parts.dispatcher.told()
            case Apply() as apply, Applied() as applied:
                self._applied(apply, applied, now)
            case PlanSends() as plan, PlannedSends() as planned:
                self._planned(plan, planned, now)
            case Deliver() as deliver, Delivered() as delivered:
                self._delivered(deliver, delivered, now)

    def _failed(self, ended: Ended, now: int) -> None:
        """It comes again after a pause. Executions do at once if somebody did not answer or is gone, for who may still be working on them
        saves nothing that another has claimed; after anything else when their lease ends, or they would fail without end."""
        parts = self._parts
        match ended.task:
            case Advance() as task:
                passing = isinstance(ended.outcome, TryAgainError | ServiceError | Lost)
                parts.dispatcher.lost(task.number, now, ended=passing)
            case Sweep() as task:
                parts.dates.failed(task)
            case Apply() as task:
                (parts.calls if _is_call(task.effects) else parts.updates).failed(task.effects, now)
            case PlanSends() as task:
                self._not_planned(task, now)
            case Deliver() as task:
                parts.deliveries.failed(task.number, now)

    def _advanced(self, advanced: Advanced, seconds: float, now: int) -> None:
        parts = self._parts
        parts.dispatcher.finished(advanced, seconds, now)
        for name in ("entered", "executions", "effects", "strangers"):
            self.counts[name] += getattr(advanced, name)
        if advanced.faults:
            self._watch.fault("workflow", advanced.faults)
        if advanced.effects:
            for feed in (parts.updates, parts.calls, parts.sends):
                feed.told()
        if advanced.held:
            parts.dispatcher.told()

    def _not_planned(self, task: PlanSends, now: int) -> None:
        self._parts.gathering.failed(task.workflow, task.effects.column("name").to_pylist())
        self._parts.sends.failed(task.effects, now)

    def _applied(self, task: Apply, applied: Applied, now: int) -> None:
        parts = self._parts
        call, names = _is_call(task.effects), task.effects.column("name").to_pylist()
        feed = parts.calls if call else parts.updates
        feed.done(names) if applied.settled == len(names) else feed.given_up(names, now)
        self.counts["calls" if call else "updates"] += applied.settled
        if applied.faults:
            self._watch.fault("workflow", applied.faults)
        parts.dispatcher.told()  # who had an update under way is free now, and who was answered goes on
        for feed in (parts.calls, parts.sends) if call else ():
            feed.told()

    def _planned(self, task: PlanSends, planned: PlannedSends, now: int) -> None:
        """Written before it is settled, and settled before it is delivered."""
        parts, names = self._parts, task.effects.column("name").to_pylist()
        try:
            work = parts.outbox.commit(planned)
        except TryAgainError as fault:
            self._watch.fault("messages", fault.diagnostics)
            self._not_planned(task, now)
            return
        self.counts["messages"] += planned.outbox.num_rows
        run = parts.outbox.run_of(task.workflow)
        parts.gathering.planned(task.workflow, names, None if work is None else (run, work.number))
        parts.sends.done(names)
        try:
            parts.outbox.settle(parts.executions.settle)
        except (TryAgainError, ServiceError) as fault:
            self._watch.fault("messages", fault.diagnostics)
        if work is not None:
            self.deliver(OpenWork(task.workflow, run, work))

    def _delivered(self, task: Deliver, delivered: Delivered, now: int) -> None:
        parts = self._parts
        parts.outbox.delivered(delivered)
        parts.gathering.delivered(task.run, task.work.number)
        parts.deliveries.ended(task.number, delivered.partition.next_due, now)
        self._count(task, delivered)
        if delivered.measured is not None:
            self.measured.append(delivered.measured)

    def _count(self, task: Deliver, delivered: Delivered) -> None:
        """A partition that comes again tells of all its messages each time."""
        name, partition = (task.run, task.work.number), delivered.partition
        before = self._known.pop(name, {})
        for outcome in OUTCOMES if partition.counts else ():
            self.counts[outcome] += partition.counts[outcome] - before.get(outcome, 0)
        if partition.next_due is not None or partition.stopped:
            self._known[name] = {**before, **partition.counts}

    def deliver(self, open: OpenWork) -> None:
        parts = self._parts
        parts.deliveries.add(Outgoing(open.run, open.work, parts.priorities[open.workflow], parts.paced(open.run)))


def _is_call(effects: pa.RecordBatch) -> bool:
    """Calls are in tasks of their own."""
    return bool(pc.all(pc.equal(effects.column("kind"), EffectKind.CALL.value)).as_py())
