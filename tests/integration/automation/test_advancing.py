"""What happens to people lets them enter and moves them on, over a real store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.pipeline.automation.contract import API_EVENT, LEASE, LiveWorkflow
from engine.workflow.cohort import Advance, Cohort, Route
from engine.workflow.executions import EffectKind
from engine.workflow.scope import Scope

Live = Callable[..., LiveWorkflow]
SECOND = 1_000_000
PAUSE = {"id": "pause", "type": "wait_condition", "for": "1 hour"}
REMIND = {"id": "remind", "type": "send_email", "template": "remind"}
EXIT = {"exit": [{"event": "bought"}]}


def test_an_event_lets_in_and_moves_on(shop: Any, live: Live) -> None:
    shop.employ(live([PAUSE, REMIND], trigger={"event": "left", "when": "event.total > 5 AND visits = 1"}, **EXIT))
    shop.clock = 5
    told = shop.tell(
        shop.item(1, "ann", "left", {"total": 9}),
        shop.item(2, "bob", "left", {"total": 2}),
        shop.item(3, "eve", "left", {"total": 9}),
        shop.item(4, "eve", "bought"),
        shop.item(5, "ann", None),
    )
    assert (sorted(told.done), list(told.held), told.entered, told.strangers) == (
        ["t1", "t2", "t3", "t4", "t5"],
        [],
        1,
        2,
    )
    assert (told.executions, told.effects, told.faults) == (1, 0, ())
    assert set(told.stages) == {"people", "enter", "claim", "advance", "save"}
    shop.clock = 3_601
    assert (shop.go_on().executions, shop.go_on().executions) == (1, 0)
    assert shop.told() == [
        ("ann", 1, "pause", "entered"),
        ("ann", 3_601, "pause", "done"),
        ("ann", 3_601, "remind", "done"),
    ]
    assert shop.apply(EffectKind.SEND).settled == 0


def test_what_is_told_again_changes_nothing(shop: Any, live: Live) -> None:
    """Also by clocks that are ahead of ours."""
    shop.employ(live([PAUSE, REMIND], **EXIT))
    items = [shop.item(1, "ann", "left"), shop.item(2, "bob", "left"), shop.item(3, "bob", "bought")]
    shop.tell(*items)
    before = shop.told()
    shop.clock = 9
    again = shop.tell(*items)
    assert (again.entered, sorted(again.done)) == (0, ["t1", "t2", "t3"])
    assert shop.told() == before
    assert shop.stands() == [("ann", "waiting", "pause"), ("bob", "exited", "pause")]


def test_a_persons_events_are_met_in_their_order(shop: Any, live: Live) -> None:
    """Left, left again while in it, bought, left once more: the first and the last begin something, also when told again."""
    shop.employ(live([PAUSE, REMIND], **EXIT))
    items = [shop.item(at, "ann", event) for at, event in ((1, "left"), (2, "left"), (3, "bought"), (4, "left"))]
    shop.clock = 10
    told = shop.tell(*reversed(items))
    assert (told.entered, len(told.done), len(told.held)) == (2, 4, 0)
    again = shop.tell(*items)
    assert (again.entered, len(again.done)) == (0, 4)
    assert shop.stands() == [("ann", "exited", "pause"), ("ann", "waiting", "pause")]
    assert [row[1] for row in shop.told() if row[3] == "entered"] == [1, 4]


def test_who_comes_and_goes_very_often_comes_again(shop: Any, live: Live) -> None:
    shop.employ(live([PAUSE, REMIND], **EXIT))
    items = [shop.item(at, "ann", ("left", "bought")[at % 2]) for at in range(2, 26)]
    shop.clock = 100
    told = shop.tell(*items)
    assert (told.entered, len(told.held)) == (9, 24)
    rest = shop.tell(*items)
    assert (rest.entered, len(rest.held)) == (3, 0)


def test_a_due_instant_does_not_overtake_what_happened_before_it(shop: Any, live: Live) -> None:
    shop.employ(live([PAUSE, REMIND], **EXIT))
    shop.tell(shop.item(0, "ann", "left"), shop.item(0, "bob", "left"))
    shop.clock = 9_000
    told = shop.tell(shop.item(3_599, "ann", "bought"), shop.item(3_601, "bob", "bought"), due=shop.due())
    assert (len(told.done), told.executions) == (2, 2)
    assert shop.stands() == [("ann", "exited", "pause"), ("bob", "done", "remind")]


def test_a_call_to_the_api_names_people(shop: Any, live: Live) -> None:
    trigger = {"api": True, "properties": {"total": "number"}, "when": "visits = 1 AND event.total > 5"}
    shop.employ(live([PAUSE], trigger=trigger))
    call, shop.clock = f"{API_EVENT}cart", 7
    told = shop.tell(
        *(
            shop.item(at, user, call, {"total": total}, event_id="c1")
            for at, user, total in ((5, "ann", 9), (6, "bob", 6), (5, "eve", 9))
        )
    )
    assert (told.entered, told.strangers, len(told.done)) == (2, 1, 3)
    assert [row[:2] for row in shop.told()] == [("ann", 5), ("bob", 6)]
    assert shop.tell(shop.item(7, "ann", call, event_id="c1")).entered == 0
    assert shop.tell(shop.item(7, "ann", f"{API_EVENT}other", event_id="c2")).entered == 0


def test_an_older_version_goes_on_as_it_was(shop: Any, live: Live) -> None:
    shop.employ(live([PAUSE, REMIND]))
    shop.tell(shop.item(0, "ann", "left"))
    late = {"id": "late", "type": "send_email", "template": "late"}
    shop.employ(live([{**PAUSE, "for": "2 hours"}, late]))
    shop.tell(shop.item(0, "bob", "left"))
    shop.clock = 8_000
    assert shop.go_on().executions == 2
    assert [row for row in shop.told() if row[3] == "done" and row[2] != "pause"] == [
        ("ann", 3_600, "remind", "done"),
        ("bob", 7_200, "late", "done"),
    ]


def test_who_is_worked_on_elsewhere_is_held(shop: Any, live: Live) -> None:
    shop.employ(live([PAUSE, REMIND], **EXIT))
    shop.tell(shop.item(0, "ann", "left"), shop.item(0, "bob", "left"))
    claimed = shop.executions.concerned("cart", ["ann"], shop.wall(), shop.wall() + LEASE).executions
    items = [shop.item(1, "ann", "bought"), shop.item(1, "bob", "bought")]
    shop.clock = 2
    told = shop.tell(*items)
    assert (told.done, told.held) == (["t4"], ["t3"])
    shop.executions.release(claimed)
    assert shop.tell(items[0]).done == ["t3"]
    assert shop.stands() == [("ann", "exited", "pause"), ("bob", "exited", "pause")]


def test_who_was_claimed_by_somebody_else_is_told_again(shop: Any, live: Live) -> None:
    """The claim that the task has brought is over: what it would save is left out."""
    shop.employ(live([PAUSE, REMIND]))
    shop.tell(shop.item(0, "ann", "left"))
    shop.clock = 3_600
    stale = shop.due()
    shop.clock += LEASE / SECOND
    taken = shop.due()
    assert shop.tell(due=stale).executions == 0
    assert shop.tell(due=taken).executions == 1
    assert [row[3] for row in shop.told()] == ["entered", "done", "done"]


def test_who_is_claimed_anew_goes_on_once(shop: Any, live: Live) -> None:
    """The claim that the task has brought has ended, and what has happened claims them again."""
    shop.employ(live([PAUSE, REMIND], **EXIT))
    shop.tell(shop.item(0, "ann", "left"))
    shop.clock = 3_600
    stale = shop.due()
    shop.clock += LEASE / SECOND
    told = shop.tell(shop.item(1, "ann", "bought"), due=stale)
    assert (told.executions, told.done) == (1, ["t2"])
    assert [row[3] for row in shop.told()] == ["entered", "exited"]


class TooSlow:
    """Before the first save its lease has ended, and somebody else has had the executions."""

    def __init__(self, shop: Any) -> None:
        self._shop, self._saves = shop, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shop.executions, name)

    def save(self, *given: Any) -> int:
        self._saves += 1
        if self._saves == 1:
            self._shop.clock += LEASE / SECOND
            now = self._shop.wall()
            self._shop.executions.release(self._shop.executions.concerned("cart", ["ann"], now, now + LEASE).executions)
        return int(self._shop.executions.save(*given))


def test_what_could_not_be_saved_is_told_again(shop: Any, live: Live) -> None:
    flow = live([PAUSE, REMIND], **EXIT)
    shop.employ(flow)
    shop.tell(shop.item(0, "ann", "left"))
    shop.employ(flow, between=lambda target: TooSlow(shop) if target is shop.executions else target)
    shop.clock = 2
    bought = shop.item(1, "ann", "bought")
    assert shop.tell(bought).held == ["t2"]
    assert shop.stands() == [("ann", "waiting", "pause")]
    assert shop.tell(bought).done == ["t2"]
    assert shop.stands() == [("ann", "exited", "pause")]


class FailsFor:
    """An installed step that cannot work on some people."""

    def __init__(self, users: set[str]) -> None:
        self.users = users

    def __call__(self, given: Mapping[str, Any], scope: Scope) -> FailsFor:
        return self

    def advance(self, cohort: Cohort) -> Advance:
        if self.users.intersection(cohort.users.to_pylist()):
            raise RuntimeError("ann@example.com cannot be worked on")
        return Advance([Route("end", cohort.everybody())])


def test_one_whose_step_fails_keeps_nobody_else(shop: Any, live: Live) -> None:
    step = FailsFor({"ann"})
    shop.employ(live([{"id": "odd", "type": "generic", "uses": "odd"}]), installed={"odd": step})
    told = shop.tell(shop.item(0, "ann", "left"), shop.item(0, "bob", "left"))
    assert (told.done, told.held, told.executions) == (["t2"], ["t1"], 1)
    ((code, message),) = [(each.code, each.message) for each in told.faults]
    assert code == "MR862" and "at 1 executions" in message and "ann" not in message
    assert shop.stands() == [("ann", "ready", "odd"), ("bob", "done", "odd")]
    assert shop.due().num_rows == 0  # not at once, and before all others
    shop.clock = LEASE / SECOND
    assert shop.go_on().faults[0].code == "MR862"
    step.users.clear()
    shop.clock *= 2
    assert shop.go_on().executions == 1
    assert shop.stands()[0] == ("ann", "done", "odd")


def test_a_version_that_cannot_be_had_keeps_no_other(shop: Any, live: Live) -> None:
    odd = live([{"id": "odd", "type": "generic", "uses": "odd"}])
    shop.employ(odd, installed={"odd": FailsFor({"ann"})})
    shop.tell(shop.item(0, "ann", "left"))
    shop.clock = LEASE / SECOND
    shop.employ(live([REMIND]))
    told = shop.tell(shop.item(0, "ann", "bought"), shop.item(0, "bob", "left"))
    assert ([each.code for each in told.faults], told.held, told.entered) == (["MR861"], ["t2"], 1)
    assert shop.stands() == [("ann", "ready", "odd"), ("bob", "done", "remind")]


def test_what_it_took_is_measured(shop: Any, live: Live) -> None:
    shop.employ(live([PAUSE, REMIND]))
    shop.tell(shop.item(0, "ann", "left"), shop.item(0, "bob", "left"))
    ids = [row["execution_id"] for user in ("ann", "bob") for row in shop.executions.of_user(user).to_pylist()]
    rows = shop.executions.measured(ids).to_pylist()
    # Each look at the clock is a millisecond: people twice, enter and save, in halves.
    assert [tuple(row.values())[1:] for row in rows] == [(2.0, 0, 0, 100, 50)] * 2


def test_what_no_intake_has_put_is_left_out(shop: Any, live: Live) -> None:
    shop.employ(live([PAUSE]))
    odd = ["", "[]", '{"position":1}', '{"position":1,"at":"x"}', f'{{"position":1,"at":-{10**30}}}']
    odd += ['{"position":1,"at":1,"event":"\\ud800","event_id":"e"}', "[" * 100_000]
    items = [{**shop.item(0, "ann", "left"), "payload": payload} for payload in odd]
    told = shop.tell(*items, shop.item(0, "bob", "left", {"total": "\ud800"}))
    assert (len(told.done), told.entered) == (8, 1)
