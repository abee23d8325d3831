"""What `POST /workflows/NAME/trigger` answers, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Ask = Callable[..., Any]
BEARER = {"Authorization": "Bearer a-token"}
LINES = {**BEARER, "Content-Type": "application/x-ndjson"}
WELCOME = "/workflows/welcome/trigger"


def kept(asked: Any) -> list[tuple[str, str, str | None]]:
    return [(each["event_type"], each["user_id"], each["properties"]) for each in asked.memory.posted]


def test_an_object_a_list_and_lines_become_events_of_the_workflow(ask: Ask, asked: Any) -> None:
    one = {"user_id": 19, "id": "order 1", "properties": {"total": 5}}
    assert ask("POST", WELCOME, json=one, headers=BEARER).json() == {"accepted": 1}
    reply = ask("POST", WELCOME, json=[{"user_id": "a"}, {"user_id": "b", "source": "shop"}], headers=BEARER)
    assert (reply.status_code, reply.json()) == (202, {"accepted": 2})
    lines = '{"user_id": "c", "properties": {"a": 1}, "b": 2}\n\n{"user_id": "d"}\n'
    assert ask("POST", "/workflows/winback/trigger", content=lines, headers=LINES).json() == {"accepted": 2}
    assert kept(asked) == [
        ("trigger:welcome", "19", '{"total":5}'),
        ("trigger:welcome", "a", None),
        ("trigger:welcome", "b", '{"source":"shop"}'),
        ("trigger:winback", "c", '{"a":1,"b":2}'),
        ("trigger:winback", "d", None),
    ]
    assert {each["event_time"].isoformat() for each in asked.memory.posted} == {"2026-03-02T09:00:00+00:00"}


def test_an_id_names_a_trigger_of_a_person_in_a_workflow(ask: Ask, asked: Any) -> None:
    same = [("welcome", "1", "x"), ("welcome", 1, "x")]
    others = [
        ("winback", "1", "x"),
        ("welcome", "2", "x"),
        ("welcome", "1", "y"),
        ("welcome", "11", ""),
        ("welcome", "1", 1),
    ]
    for workflow, user, name in [*same, *others]:
        body = {"user_id": user, "id": name}
        assert ask("POST", f"/workflows/{workflow}/trigger", json=body, headers=BEARER).status_code == 202
    ids = [each["event_id"] for each in asked.memory.posted]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 6


@pytest.mark.parametrize("name", [None, "", " "])
def test_without_an_id_each_is_another_trigger(ask: Ask, asked: Any, name: str | None) -> None:
    ask("POST", WELCOME, json=[{"user_id": "a", "id": name}, {"user_id": "a"}], headers=BEARER)
    assert [each["event_id"] for each in asked.memory.posted] == ["trigger:unique 0", "trigger:unique 1"]


def test_a_workflow_that_nobody_has_defined(ask: Ask, asked: Any) -> None:
    reply = ask("POST", "/workflows/welcom/trigger", json={"user_id": "a"}, headers=BEARER)
    assert (reply.status_code, reply.json()) == (
        404,
        {"accepted": 0, "reason": "no workflow `welcom` is known", "help": "did you mean `welcome`?"},
    )
    assert asked.memory.posted == []


def test_the_store_is_seldom_asked_which_workflows_there_are(ask: Ask, asked: Any) -> None:
    def status(workflow: str) -> int:
        return int(ask("POST", f"/workflows/{workflow}/trigger", json={"user_id": "a"}, headers=BEARER).status_code)

    assert [status("welcome"), status("welcome"), status("new"), status("new")] == [202, 202, 404, 404]
    assert asked.memory.asked == 1
    asked.memory.workflows.append("new")
    assert status("new") == 404
    asked.memory.seconds = 1.0
    assert [status("new"), status("new")] == [202, 202]
    assert asked.memory.asked == 2


def test_the_reason_of_each_bad_trigger_and_nothing_of_the_request(ask: Ask, asked: Any) -> None:
    bad = [
        {"user_id": "a"},
        {"id": "x"},
        "b",
        {"user_id": True},
        {"user_id": "c", "properties": [1]},
        {"user_id": "u" * 513},
    ]
    reply = ask("POST", WELCOME, json=bad, headers=BEARER)
    assert reply.status_code == 400
    assert {each["event"]: each["reason"] for each in reply.json()["errors"]} == {
        1: "no user_id",
        2: "not a JSON object",
        3: "user_id is no text",
        4: "properties is no JSON object",
        5: "user_id is longer than 512 octets",
    }
    assert ask("POST", WELCOME, content=b'{"user_id": "\\ud800", "id": "x"}', headers=BEARER).status_code == 400
    assert ask("POST", WELCOME, content=b'{"user_id": "a", "id": 1e999}', headers=BEARER).status_code == 400
    assert asked.memory.posted == []


@pytest.mark.parametrize("path", [WELCOME, "/workflows/nobody/trigger", "/workflows/", "/%77orkflows/welcome/trigger"])
def test_nobody_triggers_without_the_token(ask: Ask, asked: Any, path: str) -> None:
    assert ask("POST", path, content=b"x" * 2_000_000).status_code == 401
    assert ask("POST", path, content=b"x", headers={"Authorization": "Bearer other"}).status_code == 401
    assert asked.memory.asked == 0


def test_what_is_too_large_of_another_type_or_another_method(ask: Ask) -> None:
    assert ask("POST", WELCOME, content=b" " * ((1 << 20) + 1), headers=BEARER).status_code == 413
    form = {**BEARER, "Content-Type": "application/x-www-form-urlencoded"}
    assert ask("POST", WELCOME, content=b"{}", headers=form).status_code == 415
    assert ask("GET", WELCOME, headers=BEARER).status_code == 405


def test_nothing_is_acknowledged_that_is_not_kept(ask: Ask, asked: Any) -> None:
    asked.memory.down = True
    assert ask("POST", WELCOME, json={"user_id": "a"}, headers=BEARER).status_code == 503
    asked.memory.down = False
    assert ask("POST", WELCOME, json={"user_id": "a"}, headers=BEARER).status_code == 202
    asked.memory.down = True
    reply = ask("POST", WELCOME, json={"user_id": "a"}, headers=BEARER)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "30")
    assert len(asked.memory.posted) == 1


def test_metrics_of_posted_triggers(ask: Ask) -> None:
    ask("POST", WELCOME, content="\n".join([json.dumps({"user_id": "a"})] * 2), headers=LINES)
    ask("POST", "/workflows/nobody/trigger", json={"user_id": "a"}, headers=BEARER)
    text = ask("GET", "/metrics").text
    assert "mailray_posted_triggers_total 2.0" in text
    assert "mailray_posted_triggers_requests_refused_total 1.0" in text
    assert 'mailray_http_requests_total{method="POST",route="/workflows/{workflow}/trigger",status="202"} 1.0' in text
    assert "nobody" not in text
