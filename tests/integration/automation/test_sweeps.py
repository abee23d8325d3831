"""Who enters for what is no event, with people in a SQLite store: once, also when what was done is done again after a crash."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from engine.adapters.stores.store_sqlite import SqliteStore
from engine.audience.store import MEMBERSHIPS, Write
from engine.campaign.schema import Campaign
from engine.errors import TryAgainError
from engine.pipeline.automation.contract import LiveWorkflow, Sweep, Sweeping
from engine.pipeline.automation.dates import Dates
from engine.pipeline.automation.programs import Programs
from engine.pipeline.automation.sweeps import Sweeper
from engine.pipeline.definition import PlanDefinition
from engine.workflow.definition import definition_of
from engine.workflow.executions import State
from engine.workflow.memory import MemoryExecutions

AUDIENCE = pa.schema(
    [("user_id", pa.string()), ("time_zone", pa.string()), ("tier", pa.string()), ("born", pa.date32())]
)
DAY = 86_400_000_000


def micros(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type, misc]


START = micros(2026, 3, 1)


class BreaksAfterEntering(SqliteStore):
    """A store that is gone when it is to note who is in a segment."""

    gone = False

    def put_memberships(self, memberships: pa.RecordBatch, write: Write) -> int:
        if self.gone:
            raise TryAgainError.single("MR671", "the store is gone")
        return super().put_memberships(memberships, write)


class World:
    """People, one workflow, and sweeps of it; times are days since START."""

    def __init__(self, path: Path, trigger: dict[str, Any], **more: Any) -> None:
        self.store = BreaksAfterEntering(path, "tenant")
        self.executions = MemoryExecutions()
        values = {
            "name": "cart", "type": "abandoned_cart", "trigger": trigger,
            "audience": {"source": "store:", "key": "user_id", "timezone": "time_zone"},
            "workflow": [{"id": "offer", "type": "send_email", "template": "offer"}],
            "delivery": {"from": {"address": "news@example.com"}}, **more,
        }  # fmt: skip
        campaign = Campaign.model_validate(values, by_alias=True, by_name=False)
        plan = PlanDefinition(campaign, AUDIENCE, (), datetime(2026, 3, 1, tzinfo=UTC))
        self.live = LiveWorkflow(plan, definition_of(campaign))
        self.sweeper = Sweeper(Programs([self.live], self.executions, {}), self.store, self.executions)
        self._numbers = count()

    def put(self, **tiers: str | None) -> None:
        attributes = [
            json.dumps({"tier": tier, "born": "1990-03-01", "n": next(self._numbers)}) for tier in tiers.values()
        ]
        people = pa.record_batch({"user_id": [*tiers], "attributes": attributes})  # of which each is another
        self.store.put_users(people, Write("run", "step", f"key {next(self._numbers)}", next(self._numbers)))

    def sweep(
        self, why: Sweeping, after: float, until: float, ids: Sequence[str] | None = None, most: int = 2
    ) -> list[int]:
        """How many entered with each page."""
        behind, entered = "", []
        instants = (round(START + after * DAY) if after >= 0 else 0, round(START + until * DAY))
        while True:
            swept = self.sweeper.sweep(Sweep(7, "cart", why, *instants, ids, behind, most))
            entered.append(swept.entered)
            if swept.last is None:
                return entered
            behind = swept.last

    def look(self, until: float, ids: Sequence[str] | None = None, *, first: bool = False) -> int:
        """At the segment."""
        return sum(self.sweep(Sweeping.SEGMENT, -1 if first else 0, until, ids))

    @property
    def entered(self) -> list[str]:
        page = self.executions.of_workflow("cart", list(State), "", 100)
        return sorted(page.column("user_id").to_pylist())

    def end(self) -> None:
        """Whoever is in the workflow has come to its end."""
        self.executions.cancel(
            self.executions.of_workflow("cart", list(State), "", 100).column("execution_id").to_pylist(), START
        )


ENTRY = {"trigger": {"segment_entry": "gold"}, "segments": {"gold": "tier = 'gold'"}}


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(tmp_path / "store.sqlite", **request.param)
    with closing(made.store):
        yield made


@pytest.mark.parametrize("world", [{"trigger": {"cron": "0 9 * * *", "when": "tier = 'gold'"}}], indirect=True)
def test_everybody_at_a_moment_page_by_page_and_once(world: World) -> None:
    world.put(ann="gold", bob="gold", cyd="silver", dan="gold")
    assert world.sweep(Sweeping.MOMENT, 0, 1) == [2, 1, 0]
    assert world.sweep(Sweeping.MOMENT, 0, 1) == [0, 0, 0]
    world.end()
    assert world.sweep(Sweeping.MOMENT, 0, 1) == [0, 0, 0]
    assert world.sweep(Sweeping.MOMENT, 1, 2, most=10) == [3]


@pytest.mark.parametrize("world", [{"trigger": {"anniversary": "born", "at": "09:00"}}], indirect=True)
def test_anniversaries_once(world: World) -> None:
    world.put(ann="gold", bob="gold")
    assert world.sweep(Sweeping.ANNIVERSARY, 0, 0.25) == [0, 0]
    assert world.sweep(Sweeping.ANNIVERSARY, 0.25, 0.5, ["bob"]) == [1]
    world.end()
    assert world.sweep(Sweeping.ANNIVERSARY, 0, 3) == [1, 0]
    assert world.entered == ["ann", "bob"]


@pytest.mark.parametrize("world", [ENTRY], indirect=True)
def test_the_first_look_notes_and_later_ones_let_in(world: World) -> None:
    world.put(ann="gold", bob="silver", cyd="silver")
    assert world.look(0, first=True) == 0
    assert world.look(1) == 0
    world.put(bob="gold", new="gold")
    assert world.look(2, ["bob", "new", "nobody"]) == 2
    assert world.entered == ["bob", "new"]
    world.end()
    assert world.look(3) == 0  # they were in it already
    world.put(bob="silver")
    assert world.look(4, ["bob"]) == 0
    world.put(bob="gold")
    assert world.look(5, ["bob"]) == 1
    assert world.look(5, ["bob"]) == 0


@pytest.mark.parametrize("world", [{**ENTRY, "trigger": {"segment_exit": "gold"}}], indirect=True)
def test_whoever_has_left(world: World) -> None:
    world.put(ann="gold", bob="silver")
    assert world.look(0, first=True) == 0
    world.put(ann="silver", bob="gold")
    assert world.look(1) == 1
    assert world.entered == ["ann"]
    world.end()
    world.put(ann="gold", bob="none")
    assert world.look(2) == 1
    world.put(ann="silver")
    assert world.look(3) == 1
    assert world.entered == ["ann", "ann", "bob"]


@pytest.mark.parametrize(
    "world", [{**ENTRY, "segments": {"gold": "date_part('day', now()) % 2 = 0 AND tier = 'gold'"}}], indirect=True
)
def test_who_comes_and_goes_by_the_calendar_comes_each_time_though_nothing_of_them_changes(world: World) -> None:
    world.put(ann="gold")
    came = []
    for day in range(6):  # the first of the month, the second, ...
        came.append(world.look(day, first=day == 0))
        world.end()
    assert came == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("world", [{**ENTRY, "reentry": "1 second"}], indirect=True)
def test_a_crash_between_entering_and_noting_changes_nothing_in_the_end(world: World) -> None:
    world.put(ann="silver", bob="silver")
    world.look(0, first=True)
    for day, who in ((1, ["ann"]), (5, ["ann", "ann", "bob"])):
        world.put(**dict.fromkeys(who, "gold"))
        world.store.gone = True
        with pytest.raises(TryAgainError):
            world.look(day)
        world.store.gone = False
        world.end()
        world.put(**dict.fromkeys(who, "gold"), more="none")  # somebody changes meanwhile
        assert world.look(day + 0.5) == 0
        assert world.entered == who
        world.put(**dict.fromkeys(who, "silver"))
        world.look(day + 1)
    noted = world.store.memberships(pa.array(["ann", "bob", "more"])).to_pylist()
    assert [(row["user_id"], row["segment_type"], row["segment_value"]) for row in noted] == [
        ("ann", "trigger:cart", "not gold"),
        ("bob", "trigger:cart", "not gold"),
    ]
    assert noted[0].keys() == set(MEMBERSHIPS.names)


@pytest.mark.parametrize("world", [ENTRY], indirect=True)
def test_from_change_to_entry_over_a_restart_and_no_look_for_its_own_notes_for_ever(world: World) -> None:
    def looks(dates: Dates, now: int) -> int:
        """How many it takes until there is nothing to look at any more."""
        for number in count():
            tasks = dates.tasks(now + number * 1_000_000)
            if not tasks:
                return number
            for task in tasks:
                dates.finished(task, world.sweeper.sweep(task))
        raise AssertionError

    def begun(now: int) -> Dates:
        return Dates({"cart": world.live}, world.store, world.executions, lambda: next(world._numbers), now, 2)

    world.put(ann="gold", bob="silver", cyd="gold")
    dates = begun(START)
    assert 2 <= looks(dates, START) <= 4  # all of them, and once more those who were noted
    world.put(bob="gold")
    assert 1 <= looks(dates, START + DAY) <= 3
    assert world.entered == ["bob"]
    world.put(ann="silver", dan="gold")
    week = START + 7 * DAY
    assert 2 <= looks(begun(week), week) <= 4
    assert world.entered == ["bob", "dan"]
