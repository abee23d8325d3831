"""When who is to be looked at for what is no event: moments, anniversaries, segments, and people who have changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from engine.audience.store import Store
from engine.pipeline.automation.changes import Changes
from engine.pipeline.automation.contract import LiveWorkflow, Sweep, Swept
from engine.pipeline.automation.schedules import SECOND, Look, Schedule, occasion, schedule_of
from engine.workflow.executions import ExecutionStore

MARK = "trigger:"  # before a workflow's name
MOST_NAMED = 50_000
"""Changed people who are looked at by their names; beyond, everybody is."""
PAGE = 8_192


@dataclass(slots=True)
class _Workflow:
    """``look`` is under way, of which ``place`` (an id, or a number of those named) has been done; ``task`` is in somebody's hands."""

    occasion: str
    schedule: Schedule
    look: Look | None = None
    behind: str = ""
    named: int = 0
    task: int | None = None


class Dates:
    """The sweeps that are due, never two of one workflow at a time. For one thread; instants are UTC microseconds.

    ``number`` gives the next task's number. How far each workflow has come is kept with the executions when a sweep is at its end: what
    was missed is done after a restart, and what was half done is done again. A workflow that is new, or has another trigger now, begins
    at ``now``. Everything raises TryAgainError when a store does not answer, and nothing is lost then.
    """

    def __init__(
        self,
        workflows: Mapping[str, LiveWorkflow],
        store: Store,
        executions: ExecutionStore,
        number: Callable[[], int],
        now: int,
        most: int = PAGE,
    ) -> None:
        self._store = store
        self._executions = executions
        self._number = number
        self._most = most
        self._changes = Changes(workflows, store, executions)
        self._version = (store.version(), now)
        self._workflows: dict[str, _Workflow] = {}
        for name, live in workflows.items():
            campaign = live.plan.campaign
            kept, named = json.loads(executions.mark(MARK + name) or "{}"), occasion(campaign)
            at = kept["at"] if kept.get("of") == named else None
            schedule = schedule_of(campaign, at, now)
            if schedule is not None:
                self._workflows[name] = _Workflow(named, schedule)
                if at is None:
                    self._save(name)

    def tasks(self, now: int) -> list[Sweep]:
        """What is to be done now and is in nobody's hands; it is until ``finished`` or ``failed``."""
        version = self._version_at(now) if self._workflows else 0
        changed = cache(partial(self._store.changed, most=MOST_NAMED))
        found = []
        for name, each in self._workflows.items():
            if each.task is None and each.look is None:
                each.look, each.behind, each.named = each.schedule.due(now, version, changed), "", 0
            if each.task is None and each.look is not None:
                each.task = self._number()
                found.append(self._sweep(name, each, each.look))
        return found

    def finished(self, task: Sweep, swept: Swept) -> None:
        """A sweep is done; if there are people behind it, they are the next one."""
        each = self._workflows[task.workflow]
        if each.task != task.number or each.look is None:
            return
        each.task = None
        if task.user_ids is not None:
            each.named += len(task.user_ids)
            more = each.named < len(each.look.users or ())
        else:
            more = swept.last is not None
            each.behind = swept.last or ""
        if not more:
            each.schedule.ended(each.look)
            each.look = None
            self._save(task.workflow)

    def failed(self, task: Sweep) -> None:
        """A sweep may have been done, in part or not at all: it comes again."""
        each = self._workflows[task.workflow]
        if each.task == task.number:
            each.task = None

    def changed(self, now: int) -> Mapping[str, Sequence[str]]:
        """Whose columns have changed, for each workflow that looks at conditions; the same again until they are said to be ``taken``."""
        return self._changes.told(now, self._version_at(now)) if self._changes.workflows else {}

    def taken(self) -> None:
        """What ``changed`` gave last is where it will not be lost."""
        self._changes.taken()

    def _sweep(self, name: str, each: _Workflow, look: Look) -> Sweep:
        assert each.task is not None
        users = None if look.users is None else look.users[each.named : each.named + self._most]
        return Sweep(each.task, name, look.why, look.after, look.until, users, each.behind, self._most)

    def _version_at(self, now: int) -> int:
        """The store's, asked once a second."""
        version, asked = self._version
        if abs(now - asked) >= SECOND:
            version = self._store.version()
            self._version = (version, now)
        return version

    def _save(self, name: str) -> None:
        each = self._workflows[name]
        self._executions.set_mark(MARK + name, json.dumps({"of": each.occasion, "at": each.schedule.at}))
