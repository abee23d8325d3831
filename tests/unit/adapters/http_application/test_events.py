"""What `POST /events` answers, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.audience.incoming import EVENT, Reading
from engine.audience.posted import Posted
from engine.pipeline.events_intake import EventIntake

Ask = Callable[..., Any]
BEARER = {"Authorization": "Bearer a-token"}
LINES = {**BEARER, "Content-Type": "application/x-ndjson"}


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "user_id": 19,
        "event_type": "cart_abandoned",
        "event_time": "2026-03-02T10:00:00+01:00",
        **more,
    }


def ids(asked: Any) -> list[str]:
    return [each["event_id"] for each in asked.memory.posted]


def test_an_object_an_array_and_lines(ask: Ask, asked: Any) -> None:
    assert ask("POST", "/events", json=event(1, total=5), headers=BEARER).json() == {"accepted": 1}
    reply = ask("POST", "/events", json=[event(2), event(3)], headers=BEARER)
    assert (reply.status_code, reply.json()) == (202, {"accepted": 2})
    lines = "\n".join(map(json.dumps, [event(4), event(5)])) + "\n\n"
    assert ask("POST", "/events", content=lines, headers=LINES).json() == {"accepted": 2}
    assert ask("POST", "/events", json=[], headers=BEARER).json() == {"accepted": 0}
    assert ids(asked) == ["e1", "e2", "e3", "e4", "e5"]
    first = asked.memory.posted[0]
    assert (first["user_id"], first["campaign_id"], first["properties"]) == ("19", None, '{"total":5}')
    assert first["event_time"].isoformat() == "2026-03-02T09:00:00+00:00"


@pytest.mark.parametrize("path", ["/events", "/events/", "/eventsource"])
def test_strangers_send_no_large_bodies(ask: Ask, path: str) -> None:
    assert ask("POST", path, content=b"x" * 1_000_000).status_code == 401


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer ", "Bearer a-toke", "Bearer a-token2", "Basic a-token", "a-token"]
)
def test_nobody_posts_without_the_token(ask: Ask, asked: Any, header: str | None) -> None:
    given = {} if header is None else {"Authorization": header}
    reply = ask("POST", "/events", content=b"x" * 2_000_000, headers=given)
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert asked.memory.posted == []


def test_the_reason_of_each_bad_event_and_nothing_of_the_request(ask: Ask, asked: Any) -> None:
    bad = [
        event(1),
        event(2, user_id=None),
        event(3, event_time="2026-03-02T10:00:00"),
        event(4, event_time=1772442000),
        {"event_id": "e5"},
        "e6",
        event(7, properties=[1]),
        event(8, user_id=True),
        event(9, event_type="a\0b"),
        event(10, note="x" * 70_000),
        event(11, user_id="u" * 513),
        event(12, event_type="trigger:welcome"),
    ]
    reply = ask("POST", "/events", json=bad, headers=BEARER)
    assert reply.status_code == 400
    assert {each["event"]: each["reason"] for each in reply.json()["errors"]} == {
        1: "no user_id",
        2: "event_time `2026-03-02T10:00:00` has no offset, and no timezone was named",
        3: "event_time `1772442000` is no instant of ISO 8601",
        4: "no user_id",
        5: "not a JSON object",
        6: "properties is no JSON object",
        7: "user_id is no text",
        8: "event_type holds a NUL character",
        9: "properties is longer than 65,536 octets",
        10: "user_id is longer than 512 octets",
        11: "event_type begins with `trigger:`, which is reserved",
    }
    assert asked.memory.posted == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a": NaN}', b'{"user_id": "\\ud800"}', b"1", b'[{"a": 1e999}]']
)
def test_bodies_that_hold_no_event(ask: Ask, asked: Any, body: bytes) -> None:
    for headers in ({**BEARER, "Content-Type": "application/json"}, LINES):
        reply = ask("POST", "/events", content=body, headers=headers)
        if body or headers is not LINES:
            assert reply.status_code == 400
            assert reply.json()["errors"][0]["reason"]
    assert asked.memory.posted == []


def test_what_is_no_json_is_said_to_be_none(ask: Ask) -> None:
    given = {**BEARER, "Content-Type": "application/x-www-form-urlencoded"}
    assert ask("POST", "/events", content=b"{}", headers=given).status_code == 415


def test_too_large_a_body(ask: Ask) -> None:
    assert ask("POST", "/events", content=b" " * ((1 << 20) + 1), headers=BEARER).status_code == 413


def test_nothing_is_acknowledged_that_is_not_kept(ask: Ask, asked: Any) -> None:
    asked.memory.down = True
    reply = ask("POST", "/events", json=event(1), headers=BEARER)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "30")
    asked.memory.down = False
    assert ask("POST", "/events", json=event(1), headers=BEARER).status_code == 202
    assert ids(asked) == ["e1"]


def test_an_event_without_an_id_gets_the_same_one_each_time(ask: Ask, asked: Any) -> None:
    nameless = {name: value for name, value in event(1, total=5, size="m").items() if name != "event_id"}
    turned = dict(reversed(nameless.items()))
    for each in (nameless, turned, {**nameless, "total": 6}):
        assert ask("POST", "/events", json=each, headers=BEARER).status_code == 202
    first, same, other = ids(asked)
    assert first == same != other
    assert first.startswith("content:")


def test_metrics_of_posted_events(ask: Ask) -> None:
    ask("POST", "/events", json=[event(1), event(2)], headers=BEARER)
    ask("POST", "/events", json=[{}], headers=BEARER)
    text = ask("GET", "/metrics").text
    assert "mailray_posted_events_total 2.0" in text
    assert "mailray_posted_events_requests_refused_total 1.0" in text
    assert "mailray_events_commit_requests_count 2.0" in text
    assert 'mailray_http_requests_total{method="POST",route="/events",status="202"} 1.0' in text


def test_an_event_that_the_store_does_not_keep_keeps_nobody_elses_away(asked: Any) -> None:
    asked.memory.refused = "e2"
    intake = EventIntake(asked.memory, Reading(EVENT))
    told = intake.take([Posted(json.dumps(event(number)).encode(), lines=False) for number in (1, 2, 3)])
    assert [each.accepted for each in told] == [1, 0, 1]
    assert told[1].bad[0].reason == "not this one"
    assert ids(asked) == ["e1", "e3"]


def test_nesting_has_an_end(ask: Ask, asked: Any) -> None:
    for depth, status in ((63, 202), (64, 400), (900, 400)):
        body = json.dumps(event(depth))[:-1] + f', "a": {"[" * depth}{"]" * depth}' + "}"
        headers = {**BEARER, "Content-Type": "application/json"}
        assert ask("POST", "/events", content=body, headers=headers).status_code == status
    assert ids(asked) == ["e63"]
