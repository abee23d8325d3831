"""What becomes of one execution, by example."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

HOUR, DAY = 3_600, 86_400
SEND = {"id": "offer", "type": "send_email", "template": "offer"}
WAIT = {"id": "wait", "type": "wait_condition"}
BOUGHT = {**WAIT, "event": "bought", "timeout": "1 day", "on_timeout": "offer", "next": "end"}
Stories = Callable[..., Any]


def test_a_wait_for_a_time(story: Stories) -> None:
    told = story([{**WAIT, "for": "1 day"}, SEND])
    assert (told.at(5)["state"], told.standing["due"]) == ("waiting", DAY)
    assert told.at(DAY - 0.000001)["state"] == "waiting"
    # However late somebody looks, it went on when it was due.
    assert told.at(DAY + 500)["ended_at"] == DAY
    assert told.told == [(DAY, "wait", "done", None), (DAY, "offer", "done", "offer")]
    assert [row["lag_us"] for row in told.history] == [500_000_000] * 2
    assert told.history[0]["stood_us"] == DAY * 1_000_000
    (sent,) = told.effects
    assert (sent["name"], sent["kind"], sent["occurrence"]) == ("x1/offer/0", "send", "x1:0")
    assert sent["payload"] == {"template": "offer"}


def test_an_instant_that_has_passed_holds_nobody(story: Stories) -> None:
    assert story([{**WAIT, "until": "2026-03-01T01:00:00+01:00"}, SEND]).at(0)["state"] == "done"
    assert story([{**WAIT, "until": "2026-03-01T01:00:01+01:00"}, SEND]).at(0)["due"] == 1


@pytest.mark.parametrize(
    ("zone", "hours"), [("Europe/Berlin", 8), ("Asia/Kathmandu", 3.25), (None, 8), ("Mars/Base", 8)]
)
def test_a_local_time(story: Stories, zone: str | None, hours: float) -> None:
    assert story([{**WAIT, "until": "09:00"}], {"tz": zone}).at(0)["due"] == hours * HOUR


def test_a_local_time_on_some_days_in_one_zone(story: Stories) -> None:
    step = {**WAIT, "until": "00:00", "weekdays": ["monday"], "timezone": "UTC"}
    assert story([step], {"tz": "Asia/Kathmandu"}).at(0)["due"] == DAY
    sunday = {**step, "weekdays": ["sunday"]}  # which it is, and has been for no time at all
    assert story([sunday]).at(0)["due"] == 7 * DAY


@pytest.mark.parametrize(
    ("when", "step", "outcome"), [(DAY - 1, "wait", "done"), (DAY, "wait", "done"), (DAY + 1, "offer", "timed_out")]
)
def test_an_event_or_its_timeout(story: Stories, when: int, step: str, outcome: str) -> None:
    """An event in the very instant of the timeout is in time, in whichever look it is told."""
    told = story([BOUGHT, SEND])
    told.at(0)
    told.at(2 * DAY, (when, "bought"))
    assert (told.standing["step"], told.told[0][2]) == (step, outcome)
    assert told.told[0][0] == min(when, DAY)


def test_what_happened_before_the_wait_does_not_end_it(story: Stories) -> None:
    told = story([{**WAIT, "id": "pause", "for": "1 hour"}, BOUGHT, SEND])
    assert told.at(2 * HOUR, (HOUR - 1, "bought"), (HOUR, "bought"))["awaits"] == "bought"
    assert told.at(3 * HOUR, (HOUR + 1, "bought"))["state"] == "done"


def test_one_event_ends_one_wait(story: Stories) -> None:
    loop = {**BOUGHT, "next": "offer", "on_timeout": "end"}
    told = story([loop, {**SEND, "next": "wait"}])
    told.at(0)
    told.at(10, (5, "bought"))
    assert (told.standing["step"], told.standing["occurrence"], told.standing["due"]) == ("wait", 1, DAY + 5)
    told.at(20, (6, "bought"))
    assert [effect["name"] for effect in told.effects] == ["x1/offer/0", "x1/offer/1"]


def test_an_event_of_which_something_is_asked(story: Stories) -> None:
    told = story([{**BOUGHT, "when": "event.total > n"}, SEND], {"n": 7}, events={"bought": {"total": "number"}})
    told.at(0)
    assert told.at(10, (5, "bought", {"total": 7}), (6, "bought", {"total": "8"}))["state"] == "waiting"
    assert told.at(20, (15, "bought", {"total": 7.5}))["ended_at"] == 15


def test_an_event_that_comes_again_changes_nothing(story: Stories) -> None:
    told = story([BOUGHT, SEND], goal={"event": "bought", "when": "n > 5"})
    told.at(10, (5, "other"))
    before = told.standing
    told._position -= 1
    told.person["n"] = 9
    assert told.at(11, (5, "bought")) == before  # position 1 was met already
    assert told.at(12, (6, "bought"))["goal_at"] == 6


def test_a_condition_is_looked_at_on_arrival_at_every_and_when_something_happens(story: Stories) -> None:
    step = {
        **WAIT,
        "condition": "n > 5",
        "every": "2 hours",
        "timeout": "5 hours",
        "on_timeout": "offer",
        "next": "end",
    }
    assert story([step, SEND], {"n": 6}).at(0)["state"] == "done"
    told = story([step, SEND])
    assert (told.at(0)["due"], told.standing["until"]) == (2 * HOUR, 5 * HOUR)
    told.person["n"] = 6
    assert told.at(HOUR)["state"] == "waiting"
    assert told.at(HOUR + 2, (HOUR + 1, None))["ended_at"] == HOUR + 1
    late = story([step, SEND])
    assert late.at(9 * HOUR)["ended_at"] == 5 * HOUR
    assert late.told[0] == (5 * HOUR, "wait", "timed_out", None)


def test_an_exit_is_taken_as_soon_as_it_holds(story: Stories) -> None:
    told = story([{**WAIT, "for": "3 days"}, SEND], exit=[{"when": "n > 5"}, {"event": "bought"}])
    told.at(0)
    assert told.at(DAY, (HOUR, "bought"))["ended_at"] == HOUR
    assert told.told == [(HOUR, "wait", "exited", "event:bought")]
    by_condition = story([{**WAIT, "for": "3 days"}, SEND], exit=[{"when": "n > 5"}, {"event": "bought"}])
    by_condition.at(0)
    by_condition.person["n"] = 6
    assert by_condition.at(DAY, (HOUR, None))["state"] == "exited"
    assert by_condition.told == [(HOUR, "wait", "exited", "n > 5")]


def test_a_goal_is_noted_once_and_the_execution_goes_on(story: Stories) -> None:
    told = story([{**WAIT, "for": "3 days"}, SEND], goal={"event": "bought"})
    told.at(DAY, (HOUR, "bought"), (2 * HOUR, "bought"))
    assert (told.standing["goal_at"], told.standing["state"]) == (HOUR, "waiting")
    assert told.told == [(HOUR, "wait", "goal", "event:bought")]


def test_an_update_is_read_by_what_follows(story: Stories) -> None:
    steps = [
        {"id": "mark", "type": "update_user_data", "set": {"n": "n + 5", "level": "'gold'", "was": "n"}},
        {"id": "fork", "type": "conditional_branch", "branches": [{"when": "n = 6 AND level = 'gold'", "next": "offer"}], "else": "end"},
        SEND,
    ]  # fmt: skip
    told = story(steps)
    assert told.at(0)["step"] == "offer"
    assert told.effects[0]["payload"] == {"n": 6, "level": "gold", "was": 1}
    assert told.told[0][3] == '{"n":6,"level":"gold","was":1}'


@pytest.mark.parametrize(("critical", "state", "sent"), [(True, "failed", 0), (False, "done", 1)])
def test_a_step_that_fails_is_tried_again_and_then_ends_or_is_left(
    story: Stories, critical: bool, state: str, sent: int
) -> None:
    retry = {"attempts": 3, "backoff": "10 minutes", "longest": "15 minutes"}
    step = {
        "id": "mark",
        "type": "update_user_data",
        "set": {"x": "1e308 * n * 10"},
        "critical": critical,
        "retry": retry,
    }
    told = story([step, SEND])
    assert (told.at(0)["state"], told.standing["due"], told.standing["retry_count"]) == ("ready", 600, 1)
    told.at(DAY)
    assert [(at, outcome) for at, name, outcome, _ in told.told if name == "mark"] == [
        (0, "retrying"),
        (600, "retrying"),
        (1_500, "failed"),  # twice as long, but not longer than the longest
    ]
    assert [row["attempt"] for row in told.history][:3] == [1, 2, 3]
    assert (told.standing["state"], len(told.effects), told.standing["retry_count"]) == (
        state,
        sent,
        2 if critical else 0,
    )
    assert "no finite number" in told.standing["error"]


WEBHOOK = {
    **{
        "id": "tell",
        "type": "trigger_webhook",
        "url": "https://example.com/hook",
        "payload": {"who": "id", "n": "n * 2"},
    },
    **{"response": {"score": {"path": "data.score", "type": "integer"}}, "retry": {"attempts": 2, "backoff": "1 hour"}},
}
REPLY: dict[str, Any] = {
    "step": "tell",
    "occurrence": 0,
    "attempt": 1,
    "at": 3,
    "good": True,
    "again": False,
    "body": '{"score":7}',
}


def test_a_call_waits_for_its_answer(story: Stories) -> None:
    fork = {
        "id": "fork",
        "type": "conditional_branch",
        "branches": [{"when": "score = 7", "next": "offer"}],
        "else": "end",
    }
    told = story([WEBHOOK, fork, SEND])
    assert (told.at(0)["state"], told.standing["due"], told.standing["awaits"]) == ("waiting", None, "reply")
    (call,) = told.effects
    assert (call["name"], call["kind"]) == ("x1/tell/0/1", "call")
    assert json.loads(call["payload"]["body"]) == {"who": "ann", "n": 2}
    assert call["payload"]["request"]["url"] == "https://example.com/hook"
    assert told.at(DAY)["state"] == "waiting"
    assert told.at(DAY, reply={**REPLY, "attempt": 2})["state"] == "waiting"  # of no call that was made
    assert told.at(DAY, reply=REPLY)["ended_at"] == 3
    assert told.told[0] == (3, "tell", "done", '{"score":7}')
    assert json.loads(told.standing["context"]) == {"score": 7}


def test_a_call_is_made_again_no_earlier_than_the_other_side_asks(story: Stories) -> None:
    told = story([WEBHOOK, SEND])
    told.at(0)
    failed = {**REPLY, "good": False, "again": True, "error": "answered 503", "again_at": None, "body": None}
    told.at(5, reply=failed)
    assert (told.standing["state"], told.standing["due"]) == ("ready", 3 + HOUR)
    told.at(2 * HOUR)
    assert [effect["name"] for effect in told.effects] == ["x1/tell/0/1", "x1/tell/0/2"]
    told.at(3 * HOUR, reply={**failed, "attempt": 2, "at": 2 * HOUR})
    assert [outcome for _, name, outcome, _ in told.told] == ["retrying", "failed", "done"]
    assert told.history[1]["error"] == "answered 503"


def test_what_can_never_be_right_is_not_tried_again(story: Stories) -> None:
    told = story([{**WEBHOOK, "critical": True}, SEND])
    told.at(0)
    refused = {**REPLY, "good": False, "again": False, "error": "answered 404", "body": None}
    assert told.at(5, reply=refused)["state"] == "failed"


def test_the_event_that_began_it_is_read_all_along(story: Stories) -> None:
    steps = [{**WAIT, "for": "1 hour"}, {"id": "mark", "type": "update_user_data", "set": {"n": "event.items"}}]
    told = story(
        steps, context={"event": {"items": 4}}, trigger={"event": "left"}, events={"left": {"items": "integer"}}
    )
    told.at(DAY)
    assert told.effects[0]["payload"] == {"n": 4}


def test_many_meetings_are_several_looks_and_lose_nothing(story: Stories, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.workflow.passing.MOST_MEETINGS", 10)
    told = story([{**WAIT, "for": "1 second"}, {**SEND, "next": "wait"}], goal={"event": "bought"})
    told.at(0)
    assert told.at(100, (50.5, "bought"))["goal_at"] == 50.5
    assert (told.standing["due"], told.standing["state"]) == (51, "waiting")  # and goes on from there
    told.at(100)
    assert told.standing["due"] == 61


def test_who_has_ended_stays_as_they_are(story: Stories) -> None:
    told = story([SEND], exit=[{"event": "bought"}])
    ended = told.at(0)
    assert told.at(DAY, (HOUR, "bought")) == {**ended, "claim": ended["claim"]}
    assert len(told.told) == 1
