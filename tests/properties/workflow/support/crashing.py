"""A job that works on a store of executions and can be killed between any two of its doings."""

from __future__ import annotations

import json
from typing import Any

from driving import FIELDS_OF, begun, plain, table
from worlds import AUDIENCE, PEOPLE, World

from engine.campaign.schema import Campaign
from engine.personalization.assignment import uniform
from engine.workflow import WorkflowProgram
from engine.workflow.executions import ENTRIES, EffectKind
from engine.workflow.memory import MemoryExecutions
from engine.workflow.news import ARRIVALS, REPLIES

Row = dict[str, Any]
MOST = 2  # executions in a batch


class KilledError(Exception):
    pass


class Outside:
    """What is there whatever becomes of the job: the store, people's attributes, and whom it has called and mailed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = MemoryExecutions()
        self.people = {row["id"]: dict(row) for row in world.people}
        self.applied: dict[str, tuple[str, int, str]] = {}
        entries = [{**row, "at": row["entered_at"]} for row in begun(world)]
        self.store.enter(table(entries, ENTRIES), 0)

    def apply(self, effect: Row) -> None:
        """A repeat must be the same; an update lays values over the person's, so that to do it twice does it once."""
        told = (effect["kind"], effect["at"], effect["payload"])
        assert self.applied.setdefault(effect["name"], told) == told
        if effect["kind"] == "update":
            self.people[effect["user_id"]].update(json.loads(effect["payload"]))


class Job:
    """``doings`` counts what can be killed; at ``killed_at`` it is."""

    def __init__(self, outside: Outside, killed_at: int | None = None) -> None:
        self.outside, self.store = outside, outside.store
        campaign = Campaign.model_validate(outside.world.campaign, by_alias=True, by_name=False)
        self.name = campaign.name
        self.program = WorkflowProgram(campaign, AUDIENCE, uniform, fields=FIELDS_OF(outside.world))
        self.doings, self.killed_at = 0, killed_at

    def work(self, clock: int, arrivals: list[Row]) -> None:
        """All that is to be done at a clock; leases have run out when it begins anew."""
        self.apply_effects(clock)
        for row in arrivals:
            claimed = self.store.concerned(self.name, [row["user_id"]], clock, clock)
            assert not claimed.busy
            self.advance(claimed.executions, clock, [row])
            self.apply_effects(clock)
        while (due := self.store.due([self.name], clock, MOST, clock)).num_rows:
            self.advance(due, clock)
            self.apply_effects(clock)

    def apply_effects(self, clock: int) -> None:
        while True:
            found = plain(self.store.effects(list(EffectKind), [self.name], clock, 100, clock))
            ready = [each for each in found if each["kind"] != "call" or self.reply(each)["at"] <= clock]
            for effect in ready:
                self.point()
                self.outside.apply(effect)
                self.point()
                if effect["kind"] == "call":
                    executions = self.store.concerned(self.name, [effect["user_id"]], clock, clock).executions
                    self.advance(executions, clock, replies=[self.reply(effect)])
                self.point()
                self.store.settle([effect["name"]])
            if not ready:
                return

    def reply(self, effect: Row) -> Row:
        return self.outside.world.reply({**effect, "payload": json.loads(effect["payload"])})

    def advance(self, executions: Any, clock: int, arrivals: list[Row] = [], replies: list[Row] = []) -> None:  # noqa: B006
        if not executions.num_rows:
            return
        people = table([self.outside.people[user] for user in executions.column("user_id").to_pylist()], PEOPLE)
        advanced = self.program.advance(executions, people, clock, table(arrivals, ARRIVALS), table(replies, REPLIES))
        self.point()
        assert self.store.save(advanced.executions, advanced.history, advanced.effects) == executions.num_rows
        self.point()

    def point(self) -> None:
        self.doings += 1
        if self.doings == self.killed_at:
            raise KilledError


def through(world: World, killed_at: int | None = None) -> tuple[Outside, int]:
    """The world's story, with one kill; who comes back begins anew with what is not known to be done."""
    outside = Outside(world)
    job = Job(outside, killed_at)
    before = 0
    for tick in world.ticks:
        arrivals = [each for each in world.arrivals if before < each["at"] <= tick]
        try:
            job.work(tick, arrivals)
        except KilledError:
            Job(outside).work(tick, arrivals)
            job.killed_at = None
        before = tick
    return outside, job.doings


def story(outside: Outside) -> tuple[list[Row], dict[str, tuple[str, int, str]]]:
    ids = [row["execution_id"] for row in begun(outside.world)]
    told = plain(outside.store.history(ids))
    return [
        {name: value for name, value in row.items() if name not in ("lag_us", "work_us")} for row in told
    ], outside.applied
