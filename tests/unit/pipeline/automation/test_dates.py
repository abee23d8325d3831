"""When who is to be looked at: what is due, what comes again after a fault or a restart, and what is not told twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, cast

import pyarrow as pa
import pytest

from engine.audience.store import Store
from engine.campaign.schema import Campaign
from engine.pipeline.automation.contract import LiveWorkflow, Sweep, Sweeping, Swept
from engine.pipeline.automation.dates import Dates
from engine.pipeline.definition import PlanDefinition
from engine.workflow.definition import definition_of
from engine.workflow.executions import ENTRIES
from engine.workflow.memory import MemoryExecutions

SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000
SEND = {"id": "offer", "type": "send_email", "template": "offer"}
WAIT = {"id": "wait", "type": "wait_condition", "condition": "tier = 'gold'", "timeout": "9 days"}
GOLD = {"trigger": {"segment_entry": "gold"}, "segments": {"gold": "tier = 'gold'"}}
LATE = {"trigger": {"segment_entry": "gold"}, "segments": {"gold": "seen < now() - INTERVAL 1 DAY"}}
AUDIENCE = pa.schema([("user_id", pa.string()), ("tier", pa.string()), ("seen", pa.timestamp("us", "UTC"))])
Live = Mapping[str, LiveWorkflow]


def micros(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type, misc]


START = micros(2026, 3, 1, 8, 30)


def live(name: str, workflow: Sequence[dict[str, Any]] = (SEND,), **more: Any) -> Live:
    values = {
        "name": name, "type": "lifecycle_campaign", "audience": {"source": "store:", "key": "user_id"},
        "workflow": [*workflow], "delivery": {"from": {"address": "news@example.com"}}, **more,
    }  # fmt: skip
    campaign = Campaign.model_validate(values, by_alias=True, by_name=False)
    plan = PlanDefinition(campaign, AUDIENCE, (), datetime(2026, 3, 1, tzinfo=UTC))
    return {name: LiveWorkflow(plan, definition_of(campaign))}


class Changing:
    """What of a store is asked here: its version, and whom it has changed since."""

    def __init__(self) -> None:
        self.changes: list[str] = []
        self.forgets = False

    def version(self) -> int:
        return len(self.changes)

    def changed(self, since: int, most: int) -> Sequence[str] | None:
        found = list(dict.fromkeys(self.changes[since:]))
        return None if self.forgets or len(found) > most else found


class World:
    def __init__(self) -> None:
        self.store = Changing()
        self.executions = MemoryExecutions()
        self.numbers = count(1)

    def dates(self, workflows: Live, now: int = START, most: int = 3) -> Dates:
        """As after a restart."""
        store = cast(Store, self.store)
        return Dates(workflows, store, self.executions, lambda: next(self.numbers), now, most)

    def begin(self, *users: str) -> None:
        """Executions of the workflow `cart`."""
        rows = [
            {"execution_id": f"x{user}", "workflow": "cart", "version": "v1", "user_id": user, "trigger": "api",
             "step": "wait", "at": START}
            for user in users
        ]  # fmt: skip
        self.executions.enter(pa.RecordBatch.from_pylist(rows, schema=ENTRIES), 0)


@pytest.fixture
def world() -> World:
    return World()


def everything(dates: Dates, now: int, people: int = 2) -> list[Sweep]:
    """The sweeps of a time when each is done, of so many people."""
    done = []
    while tasks := dates.tasks(now):
        for task in tasks:
            behind = int(task.behind or 0) + task.most
            last = str(behind) if task.user_ids is None and behind <= people else None
            dates.finished(task, Swept(task.number, 0, last))
            done.append(task)
    return done


def untils(tasks: Sequence[Sweep]) -> list[str]:
    return [datetime.fromtimestamp(task.until / 1e6, UTC).strftime("%d %H:%M") for task in tasks]


def test_moments_come_in_their_order_page_by_page(world: World) -> None:
    dates = world.dates(live("news", trigger={"cron": "0 */6 * * *"}))
    assert dates.tasks(START) == [] == dates.tasks(START + 3 * HOUR)
    (first,) = dates.tasks(START + 10 * HOUR)
    assert (first.why, first.behind, untils([first])) == (Sweeping.MOMENT, "", ["01 12:00"])
    assert dates.tasks(START + 10 * HOUR) == []  # it is in somebody's hands
    dates.finished(first, Swept(first.number, 3, "k"))
    (second,) = dates.tasks(START + 10 * HOUR)
    assert (second.behind, second.until) == ("k", first.until)
    dates.failed(second)
    (again,) = dates.tasks(START + 10 * HOUR)
    assert again == Sweep(again.number, "news", second.why, second.after, second.until, None, "k", 3)
    dates.finished(second, Swept(second.number, 3, None))  # whoever was lost is heard late
    assert dates.tasks(START + 10 * HOUR) == []
    dates.finished(again, Swept(again.number, 3, None))
    assert untils(everything(dates, START + 10 * HOUR)) == ["01 18:00"]


def test_what_was_missed_is_done_unless_it_is_of_the_day_before(world: World) -> None:
    workflows = live("news", trigger={"cron": "0 */6 * * *"})
    dates = world.dates(workflows)
    assert untils(everything(dates, START + 4 * HOUR)) == ["01 12:00"]
    (half,) = dates.tasks(START + 10 * HOUR)
    dates.finished(half, Swept(half.number, 3, "k"))
    assert untils(everything(world.dates(workflows, START + 11 * HOUR), START + 11 * HOUR)) == ["01 18:00"]
    week = START + 7 * DAY
    missed = ["07 12:00", "07 18:00", "08 00:00", "08 06:00"]
    assert untils(everything(world.dates(workflows, week), week)) == missed
    assert everything(world.dates(workflows, week), week) == []


def test_another_trigger_has_missed_nothing(world: World) -> None:
    everything(world.dates(live("news", trigger={"cron": "0 9 * * *"})), START + HOUR)
    edited = live("news", trigger={"cron": "0 10 * * *"})
    assert everything(world.dates(edited, START + 5 * HOUR), START + 5 * HOUR) == []
    same = live("news", [WAIT, SEND], trigger={"cron": "0 10 * * *", "when": "tier = 'gold'"})
    later = START + DAY + 5 * HOUR
    assert untils(everything(world.dates(same, later), later)) == ["02 10:00"]


def test_anniversaries_are_looked_at_each_hour_without_a_gap(world: World) -> None:
    workflows = live("day", trigger={"anniversary": "seen", "at": "09:15"})
    dates = world.dates(workflows)
    assert dates.tasks(START + HOUR // 2) == []
    first = everything(dates, START + HOUR)
    assert [(task.why, task.after, untils([task])) for task in first] == [
        (Sweeping.ANNIVERSARY, START, ["01 09:15"]),
    ]
    week = START + 7 * DAY
    (missed,) = everything(world.dates(workflows, week), week)
    assert (missed.after, untils([missed])) == (first[0].until, ["08 08:15"])


def looked(tasks: Sequence[Sweep]) -> list[Any]:
    assert all(task.why is Sweeping.SEGMENT for task in tasks)
    return [None if task.user_ids is None else [*task.user_ids] for task in tasks]


def test_a_segment_is_looked_at_whole_at_first_and_then_who_has_changed(world: World) -> None:
    dates = world.dates(live("vip", **GOLD))
    first = everything(dates, START, people=4)
    assert [(task.behind, task.after) for task in first] == [("", 0), ("3", 0)]
    world.store.changes += ["ann", "bob", "ann"]
    assert dates.tasks(START + SECOND // 2) == []  # it is not asked all the time
    (named,) = everything(dates, START + SECOND)
    assert (looked([named]), named.after, named.until) == ([["ann", "bob"]], START, START + SECOND)
    world.store.changes += list("abcd")
    assert looked(everything(dates, START + 2 * SECOND)) == [["a", "b", "c"], ["d"]]
    assert everything(dates, START + 9 * HOUR) == []
    world.store.changes, world.store.forgets = [*world.store.changes, "ann"], True
    assert looked(everything(dates, START + 10 * HOUR)) == [None]
    restarted = everything(world.dates(live("vip", **GOLD), START + DAY), START + DAY)
    assert [task.after for task in restarted] == [START + 10 * HOUR]  # not the first look


def test_who_changes_while_all_are_looked_at_is_looked_at_again(world: World) -> None:
    dates = world.dates(live("vip", **GOLD))
    (first,) = dates.tasks(START)
    world.store.changes.append("ann")
    dates.finished(first, Swept(first.number, 0, None))
    assert looked(everything(dates, START + SECOND)) == [["ann"]]


def test_a_segment_that_the_calendar_moves_is_looked_at_each_hour(world: World) -> None:
    dates = world.dates(live("late", **LATE))
    assert looked(everything(dates, START)) == [None]
    assert everything(dates, START + HOUR - SECOND) == []
    assert looked(everything(dates, START + HOUR)) == [None]


def test_another_condition_of_the_segment_is_only_noted_at_first(world: World) -> None:
    everything(world.dates(live("vip", **GOLD)), START)
    wider = live("vip", **{**GOLD, "segments": {"gold": "tier IN ('gold', 'silver')"}})
    assert [task.after for task in everything(world.dates(wider, START + DAY), START + DAY)] == [0]


def test_events_are_no_dates(world: World) -> None:
    for trigger in ({"event": "left"}, {"api": True}):
        assert world.dates(live("cart", trigger=trigger)).tasks(START + DAY) == []
    assert world.dates(live("cart")).tasks(START + DAY) == []


CONDITIONS: list[dict[str, Any]] = [
    {"workflow": [WAIT, SEND]},
    {"exit": [{"event": "left"}, {"when": "tier = 'none'"}]},
    {"goal": {"when": "tier = 'none'"}},
]


@pytest.mark.parametrize("looks", CONDITIONS)
def test_who_has_changed_is_told_where_conditions_are_looked_at(world: World, looks: dict[str, Any]) -> None:
    other = live("other", exit=[{"event": "left", "when": "tier = 'none'"}])
    dates = world.dates({**live("cart", **looks), **other})
    world.store.changes += ["ann", "bob"]
    assert dates.changed(START + SECOND) == {}  # a cache may not have heard of it yet
    now = START + 4 * SECOND
    assert dates.changed(now) == dates.changed(now + SECOND) == {"cart": ["ann", "bob"]}
    restarted = world.dates(live("cart", **looks), now)
    restarted.changed(now + SECOND)
    assert restarted.changed(now + 4 * SECOND) == {"cart": ["ann", "bob"]}
    restarted.taken()
    assert restarted.changed(now + 20 * SECOND) == {}
    assert world.dates(other).changed(START + DAY) == {}


def test_an_older_version_that_looks_at_conditions_counts(world: World) -> None:
    old = live("cart", [WAIT, SEND])["cart"].definition
    world.executions.define("cart", old.version, old.text)
    dates = world.dates(live("cart"))
    world.store.changes.append("ann")
    dates.changed(START + SECOND)
    assert dates.changed(START + 4 * SECOND) == {"cart": ["ann"]}


def test_too_many_changes_are_told_of_who_is_in_the_workflow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.pipeline.automation.changes.MOST", 2)
    world.begin("ann", "bob", "cyd")
    dates = world.dates(live("cart", [WAIT, SEND]))
    world.store.changes += list("abc")
    dates.changed(START + SECOND)
    now, told = START + 4 * SECOND, []
    while users := dates.changed(now):
        told.append(users)
        dates.taken()
    assert told == [{"cart": ["ann", "bob"]}, {"cart": ["cyd"]}]
    assert dates.changed(now + DAY) == {}


def test_nothing_of_the_past_is_told_to_a_job_that_is_new(world: World) -> None:
    world.store.changes += ["ann"]
    dates = world.dates(live("cart", [WAIT, SEND]))
    assert dates.changed(START + SECOND) == {} == dates.changed(START + DAY)
