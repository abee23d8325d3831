"""What people cause comes out of the store and into the queue: an item for each workflow that looks at it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.audience.store import INSTANT, Store
from engine.campaign.schema import Campaign, Priority
from engine.campaign.steps import WaitCondition
from engine.pipeline.automation.contract import API_EVENT, LiveWorkflow
from engine.pipeline.definition import TENANT
from engine.queueing.admission import Room
from engine.queueing.contract import ITEMS, Queue
from engine.queueing.watermark import Watermark
from engine.workflow.definition import pinned
from engine.workflow.executions import ALIVE, ExecutionStore

PAGE = 2_048
"""Events that are read at a time."""
MARK, CHANGES = "intake", "intake changes"
_BITS = 11
MOST_CHANGES = (1 << _BITS) - 1
"""Notices of changes between two events. The positions of later ones no longer rise: whoever is changed again is looked at when their
wait looks again. (A database's positions are microseconds of the clock, for which an int64 has no more bits to spare until 2112.)"""


@dataclass(frozen=True, slots=True)
class Hearing:
    """The live workflows, and by type of event those that look at it."""

    workflows: Mapping[str, Priority]
    events: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, live: Sequence[LiveWorkflow], executions: ExecutionStore) -> Self:
        """By today's definitions, and by the older ones on which somebody still is."""
        events: dict[str, list[str]] = {}
        for each in live:
            campaign = each.plan.campaign
            heard = {API_EVENT + each.name, *events_of(campaign)}
            for version in _versions_in_use(each.name, executions):
                if version != each.definition.version:
                    text = executions.definition(each.name, version)
                    heard |= events_of(pinned(campaign, text)) if text is not None else set()
            for name in heard:
                events.setdefault(name, []).append(each.name)
        return cls({each.name: each.plan.campaign.priority for each in live}, events)


class Intake:
    """Follows the store's events. An item is done when it is said to be; until then a restart puts it again, if the queue has lost it.

    For one thread. ``executions`` keeps how far each workflow has come: the first time that it is live it begins with what happens from
    then on. Instants are UTC microseconds. Everything raises TryAgainError when store, queue or executions do not answer; whoever calls
    again then loses nothing and puts nothing twice.
    """

    def __init__(
        self, store: Store, queue: Queue, executions: ExecutionStore, hearing: Hearing, room: Room | None = None
    ) -> None:
        self._store, self._queue, self._executions, self._hearing = store, queue, executions, hearing
        self._room = room or Room()
        known: dict[str, int] = json.loads(executions.mark(MARK) or "{}")
        self._begun_at = last_position(store, max(known.values(), default=0))
        self._after = {name: known.get(name, self._begun_at) for name in hearing.workflows}
        self._marks = {name: Watermark(after) for name, after in self._after.items()}
        self._read = min(self._after.values(), default=self._begun_at)
        self._saved = ""
        self._waiting: tuple[pa.RecordBatch, int, int] | None = None  # items, of so many events up to a position
        self._notices: dict[str, set[str]] = {}
        base, number = (executions.mark(CHANGES) or "0 0").split()
        self._changes = (int(base), int(number))
        self.save_mark()

    @property
    def open(self) -> int:
        """Items that were put and are not done."""
        return sum(mark.open for mark in self._marks.values())

    def read(self, now: int) -> int:
        """Put what the next events cause; gives how many events they were. 0: there is none, or no room to keep more."""
        if self._waiting is None:
            if self._room.full(self.open):
                return 0
            events, last = self._store.events(self._read, PAGE)
            if not events.num_rows:
                self._put_notices(now)
                return 0
            self._waiting = (self._heard(events, last, now), events.num_rows, last)
        items, number, last = self._waiting
        self._queue.put(items)
        self._read, self._waiting = last, None
        self._put_notices(now)
        return number

    def changed(self, users: Mapping[str, Sequence[str]], now: int) -> bool:
        """The columns of these people, by workflow, are no longer what they were. They are told of it after all that happened before:
        False while they are not in the queue yet, and a crash would lose that. To say it again does no harm."""
        for workflow, names in users.items():
            self._notices.setdefault(workflow, set()).update(names)
        self._put_notices(now)
        return not self._notices

    def done(self, workflow: str, positions: npt.NDArray[np.int64]) -> None:
        """Items of a workflow, by the positions that they tell, need nothing more."""
        if workflow in self._marks:
            self._marks[workflow].done(positions[positions & MOST_CHANGES == 0] >> _BITS)

    def save_mark(self) -> None:
        """Keep how far everything is done, so that a restart need not begin before it."""
        text = json.dumps({name: mark.value for name, mark in self._marks.items()})
        if text != self._saved:
            self._executions.set_mark(MARK, text)
            self._saved = text

    def _put_notices(self, now: int) -> None:
        """Who meets a notice meets no earlier event any more: all that had been told before the start must have been taken in again."""
        if not self._notices or self._waiting is not None or self._read < self._begun_at:
            return
        base, number = self._changes
        self._changes = (self._read, min(number + 1, MOST_CHANGES) if base == self._read else 1)
        self._executions.set_mark(CHANGES, " ".join(map(str, self._changes)))
        position = (self._changes[0] << _BITS) + self._changes[1]
        for workflow, names in [*self._notices.items()]:
            users = sorted(names)
            ids = [f"{workflow} changed {position} {user}" for user in users]
            payload = pa.repeat(json.dumps({"position": position, "at": now}), len(ids))
            self._queue.put(self._items(pa.repeat(workflow, len(ids)), ids, pa.array(users, pa.string()), payload, now))
            del self._notices[workflow]

    def _heard(self, events: pa.RecordBatch, last: int, now: int) -> pa.RecordBatch:
        """ITEMS in the order of the events, each noted as open."""
        position = np.asarray(events.column("position"))
        types = events.column("event_type").dictionary_encode()
        code = np.asarray(types.indices)
        rows, workflows = [np.zeros(0, np.int64)], [pa.array([], pa.string())]
        places = {name: np.flatnonzero(code == place) for place, name in enumerate(types.dictionary.to_pylist())}
        heard: dict[str, list[npt.NDArray[np.int64]]] = {name: [] for name in self._marks}
        for event, found in places.items():
            for workflow in self._hearing.events.get(event, ()):
                heard[workflow].append(found[position[found] > self._after[workflow]])
        for workflow, parts in heard.items():
            mine = np.sort(np.concatenate([rows[0], *parts]))
            self._marks[workflow].add(position[mine], last)
            rows.append(mine)
            workflows.append(pa.repeat(workflow, len(mine)))
        order = np.argsort(np.concatenate(rows), kind="stable")
        row = pa.array(np.concatenate(rows)[order])
        workflow, found = pa.concat_arrays(workflows).take(pa.array(order)), events.take(row)
        ids = pc.binary_join_element_wise(workflow, "event", found.column("event_id"), " ")
        return self._items(workflow, ids, found.column("user_id"), _payload(found), now)

    def _items(
        self,
        workflow: pa.StringArray,
        ids: Sequence[str] | pa.StringArray,
        users: pa.StringArray,
        payload: pa.StringArray,
        now: int,
    ) -> pa.RecordBatch:
        rows, names = len(workflow), workflow.dictionary_encode()
        priorities = pa.array(
            [self._hearing.workflows[name].value for name in names.dictionary.to_pylist()], pa.string()
        )
        columns = {
            "item_id": pa.array(ids, pa.string()),
            "tenant": pa.repeat(TENANT, rows),
            "workflow": workflow,
            "priority": priorities.take(names.indices),
            "user_id": users,
            "arrived": pa.repeat(pa.scalar(now, pa.int64()), rows).view(INSTANT),
            "payload": payload,
        }
        return pa.RecordBatch.from_arrays([columns[name] for name in ITEMS.names], schema=ITEMS)


def events_of(campaign: Campaign) -> set[str]:
    """The types of events that a workflow looks at: its trigger's, what is waited for, its exits' and its goal's."""
    rules = [campaign.trigger, *campaign.exit, campaign.goal]
    waits = [step for step in campaign.workflow if isinstance(step, WaitCondition)]
    return {each.event for each in [*rules, *waits] if each is not None and each.event is not None}


def last_position(store: Store, after: int) -> int:
    """Where the store's last event is, or ``after`` if there is none behind: as many questions as the distance has binary digits, twice."""
    step, further = 1, True
    while step:
        found, position = store.events(after + step - 1, 1)
        further &= found.num_rows > 0
        after = position if found.num_rows else after
        step = step * 2 if further else step // 2
    return after


def _versions_in_use(workflow: str, executions: ExecutionStore) -> set[str]:
    counts = executions.counts(workflow)
    alive = counts.filter(pc.is_in(counts.column("state"), value_set=pa.array([*ALIVE], pa.string())))
    return set(alive.column("version").to_pylist())


def _payload(events: pa.RecordBatch) -> pa.StringArray:
    """A JSON object for each event; its properties are JSON as they are."""
    columns = (
        np.asarray(events.column("position")) << _BITS,
        events.column("event_id").to_pylist(),
        events.column("event_type").to_pylist(),
        events.column("event_time").view(pa.int64()).to_pylist(),
        events.column("properties").to_pylist(),
    )
    return pa.array(
        [
            f'{{"position":{position},"event_id":{json.dumps(name)},"event":{json.dumps(event)},"at":{at},'
            f'"properties":{properties or "null"}}}'
            for position, name, event, at, properties in zip(*columns, strict=True)
        ],
        pa.string(),
    )
