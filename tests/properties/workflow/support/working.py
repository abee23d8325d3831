"""The worker's side of an automation over stores in memory, which can be killed before and after any call to a store or to others."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import numpy as np
import pyarrow as pa
from driving import FIELDS_OF, plain, table
from worlds import AUDIENCE, PEOPLE, SECOND, World

from engine.adapters.stores.store_attributes import Attributes
from engine.audience.store import MEMBERSHIPS, Write
from engine.campaign.schema import Campaign
from engine.pipeline.automation.advancing import Advancer
from engine.pipeline.automation.applying import Applier
from engine.pipeline.automation.calling import Caller
from engine.pipeline.automation.contract import LEASE, Advance, Apply, LiveWorkflow, Mask
from engine.pipeline.automation.moving import Mover
from engine.pipeline.automation.programs import Programs
from engine.pipeline.definition import PlanDefinition
from engine.queueing.contract import TAKEN
from engine.workflow.definition import definition_of
from engine.workflow.executions import EXECUTIONS, Claimed, EffectKind, State
from engine.workflow.memory import MemoryExecutions
from engine.workflow.webhooks import Answer, Call

Row = dict[str, Any]
MOST = 2  # people or executions in a task
WRITING = (EffectKind.UPDATE, EffectKind.MEMBERSHIP)


class KilledError(BaseException):
    """Nobody catches it, as nobody catches the end of a process."""


class Executions(MemoryExecutions):
    """Leases end at once: whoever comes back finds everything free."""

    def enter(
        self,
        entries: pa.RecordBatch,
        again_after: int | None,
        not_while: Sequence[str] = (),
        only_after: Sequence[str] = (),
        lease_until: int | None = None,
    ) -> pa.RecordBatch:
        until = None if lease_until is None else lease_until - LEASE
        return super().enter(entries, again_after, not_while, only_after, until)

    def due(self, workflows: Sequence[str], now: int, most: int, lease_until: int) -> pa.RecordBatch:
        return super().due(workflows, now, most, now)

    def concerned(self, workflow: str, user_ids: Sequence[str], now: int, lease_until: int) -> Claimed:
        return super().concerned(workflow, user_ids, now, now)

    def effects(
        self, kinds: Sequence[str], workflows: Sequence[str], now: int, most: int, lease_until: int
    ) -> pa.RecordBatch:
        return super().effects(kinds, workflows, now, most, now)

    def all_effects(self) -> dict[str, Row]:
        return self._effects


class PeopleStore:
    """Attributes and memberships, each as late as it was decided; a write that is known is left out."""

    def __init__(self, people: Sequence[Row]) -> None:
        self.attributes = {row["id"]: Attributes({k: v for k, v in row.items() if v is not None}) for row in people}
        self.members: dict[tuple[str, str, str], tuple[int, bool, Any]] = {}
        self.writes: set[Write] = set()

    def update_attributes(self, changes: pa.RecordBatch, write: Write) -> int:
        for row in changes.to_pylist() if self._is_new(write) else ():
            self.attributes[row["user_id"]].lay(json.loads(row["attributes"]), write.sequence)
        return changes.num_rows

    def put_memberships(self, memberships: pa.RecordBatch, write: Write) -> int:
        for row in memberships.to_pylist() if self._is_new(write) else ():
            key = (row["user_id"], row["segment_type"], row["segment_value"])
            if write.sequence >= self.members.get(key, (0,))[0]:
                self.members[key] = (write.sequence, row["active"], row["created_at"])
        return memberships.num_rows

    def memberships(self, user_ids: pa.StringArray) -> pa.RecordBatch:
        wanted = set(user_ids.to_pylist())
        found = [(*key, active, at) for key, (_, active, at) in sorted(self.members.items()) if active]
        rows = [dict(zip(MEMBERSHIPS.names, row, strict=True)) for row in found if row[0] in wanted]
        return pa.RecordBatch.from_pylist(rows, schema=MEMBERSHIPS)

    def _is_new(self, write: Write) -> bool:
        known = write in self.writes
        self.writes.add(write)
        return not known


class CachedPeople:
    """What a process knows of people until it is told that they have changed."""

    def __init__(self, store: PeopleStore) -> None:
        self._store = store
        self._known: dict[str, Row] = {}

    def rows(self, workflow: str, user_ids: pa.StringArray) -> tuple[pa.RecordBatch, Mask]:
        users = user_ids.to_pylist()
        for user in users:
            if user not in self._known and user in self._store.attributes:
                self._known[user] = dict(self._store.attributes[user].values)
        known = np.array([user in self._known for user in users], dtype=np.bool_)
        return table([{**self._known.get(user, {}), "id": user} for user in users], PEOPLE), known

    def changed(self, user_ids: Sequence[str]) -> None:
        for user in user_ids:
            self._known.pop(user, None)


class Outside:
    """What is there whatever becomes of the workers."""

    def __init__(self, world: World, programs: Programs) -> None:
        self.world, self.programs = world, programs
        self.executions, self.store = Executions(), PeopleStore(world.people)
        self.queue = items_of(world)
        self.heard: dict[str, set[str]] = {}  # by idempotency key, what somebody was called with

    def call(self, call: Call) -> None:
        self.heard.setdefault(call.key, set()).add(f"{call.method} {call.url} {call.body}")


class Workers:
    """A process; ``doings`` counts where it can be killed, and at ``killed_at`` it is. In a task are ``size`` people."""

    def __init__(self, outside: Outside, size: int = MOST, killed_at: int | None = None) -> None:
        self.outside, self.size = outside, size
        self.doings, self.killed_at, self.clock = 0, killed_at, 0
        executions, store = Fragile(outside.executions, self.point), Fragile(outside.store, self.point)
        people, timer, numbers = CachedPeople(outside.store), lambda: 0.0, count()
        mover = Mover(outside.programs, executions, people, timer, lambda: (1.0, 2.0))
        self.advancer = Advancer(outside.programs, executions, people, mover, self.wall, timer)
        caller = Caller(outside.programs, executions, mover, self.make, self.wall, timer, no_pause)
        self.applier = Applier(executions, store, people, caller)
        self.executions, self.numbers = executions, numbers

    def wall(self) -> int:
        return self.clock

    def point(self) -> None:
        self.doings += 1
        if self.doings == self.killed_at:
            raise KilledError

    def work(self, clock: int) -> None:
        """All that is to be done at a clock."""
        self.clock = clock
        self.apply()
        while items := self.waiting():
            task = Advance(next(self.numbers), "cart", table(items, TAKEN), table([], EXECUTIONS))
            done = self.advancer.advance(task).done
            self.point()
            self.outside.queue = [item for item in self.outside.queue if item["ticket"] not in done]
            self.point()
            self.apply()
        while (due := self.executions.due(["cart"], clock, MOST, clock)).num_rows:
            self.advancer.advance(Advance(next(self.numbers), "cart", table([], TAKEN), due))
            self.apply()

    def waiting(self) -> list[Row]:
        """All that has happened to the first ``size`` people: who is told a part of it would go on as if that were all."""
        items = [item for item in self.outside.queue if item["arrived"] <= self.clock]
        users = [*dict.fromkeys(item["user_id"] for item in items)][: self.size]
        return [item for item in items if item["user_id"] in users]

    def apply(self) -> None:
        for kinds in (WRITING, (EffectKind.CALL,)):
            settled = 1
            while settled:
                found = self.executions.effects(kinds, ["cart"], self.clock, 100, self.clock)
                settled = self.applier.apply(Apply(next(self.numbers), found)).settled if found.num_rows else 0

    def make(self, calls: Sequence[Call]) -> list[tuple[Call, Answer, int]]:
        """Those are answered whose answer is there by now: it comes now, however late the call is made."""
        made = []
        for call in calls:
            decided = self.outside.executions.all_effects()[call.name]["at"]
            reply = self.outside.world.reply({"name": call.name, "at": micros(decided)})
            if reply["at"] <= self.clock:
                self.outside.call(call)
                self.point()
                made.append((call, answer_of(reply), self.clock))
        return made


def no_pause(seconds: float) -> None:
    raise AssertionError("somebody is busy, and there is nobody else")


class Fragile:
    """Can be killed before and after each call."""

    def __init__(self, target: Any, point: Callable[[], None]) -> None:
        self._target, self._point = target, point

    def __getattr__(self, name: str) -> Callable[..., Any]:
        target = getattr(self._target, name)

        def call(*given: Any) -> Any:
            self._point()
            found = target(*given)
            self._point()
            return found

        return call


def programs_of(world: World) -> Programs:
    """They are pure, so that who comes back need not compile them anew."""
    campaign = Campaign.model_validate(world.campaign, by_alias=True, by_name=False)
    plan = PlanDefinition(campaign, AUDIENCE, tuple(FIELDS_OF(world)), datetime(2026, 3, 1, tzinfo=UTC))
    return Programs([LiveWorkflow(plan, definition_of(campaign))], MemoryExecutions(), {})


def items_of(world: World) -> list[Row]:
    """What happens to people, as a queue has it, no two in one instant: entries are the trigger's event."""
    entered = [
        {
            **{**entry, "event_id": f"entry {entry['user_id']}", "event": world.beginning},
            "properties": {"total": entry["total"]},
        }
        for entry in world.entries
    ]
    happened = [{**each, "properties": properties_of(each["properties"])} for each in world.arrivals]
    items = []
    for position, each in enumerate(sorted([*entered, *happened], key=lambda each: each["at"]), 1):
        at = each["at"] + position
        told = {"event_id": each["event_id"], "event": each["event"], "properties": each["properties"]}
        payload = {"position": position, "at": at, **(told if each["event"] else {})}
        items.append(
            {
                **{"item_id": f"i{position}", "ticket": f"t{position}", "tenant": "default", "workflow": "cart"},
                **{"priority": "normal", "user_id": each["user_id"], "arrived": at},
                "payload": json.dumps(payload),
            }
        )
    return items


def properties_of(text: str | None) -> Row | None:
    """As a store keeps them: objects."""
    try:
        found: Row | None = json.loads(text or "null")
    except ValueError:
        return None
    return found


def answer_of(reply: Row) -> Answer:
    wait = {} if reply["again_at"] is None else {"Retry-After": str((reply["again_at"] - reply["at"]) // SECOND)}
    if reply["good"]:
        return Answer(200, body=json.dumps({"data": json.loads(reply["body"])}).encode())
    return Answer(503 if reply["again"] else 404, wait)


def micros(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def through(world: World, programs: Programs, size: int = MOST, killed_at: int | None = None) -> tuple[Outside, int]:
    """The world's story, with one kill; who comes back begins anew with what is not known to be done."""
    outside = Outside(world, programs)
    workers = Workers(outside, size, killed_at)
    for tick in world.ticks:
        try:
            workers.work(tick)
        except KilledError:
            workers = Workers(outside, size)
            workers.work(tick)
    return outside, workers.doings


def story(outside: Outside) -> tuple[Any, ...]:
    """Histories, effects by name, attributes, memberships, and what others have been called with."""
    ids = outside.executions.of_workflow("cart", list(State), "", 1_000).column("execution_id").to_pylist()
    told = [
        {name: value for name, value in row.items() if name not in ("lag_us", "work_us")}
        for row in plain(outside.executions.history(ids))
    ]
    effects = {name: (row["kind"], row["at"], row["payload"]) for name, row in outside.executions.all_effects().items()}
    attributes = {user: each.values for user, each in outside.store.attributes.items()}
    members = {key: at for key, (_, active, at) in outside.store.members.items() if active}
    return told, effects, attributes, members, outside.heard
