"""The whole job in this process, with real parts: from what happens to people to the mail that they get."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest

from engine.adapters.stores import store_sqlite_file
from engine.assembly.stores import open_executions
from engine.errors import RefusedError
from engine.pipeline.automation.job import DRIVER
from jobs.cli import run_guarded

SIX = """
priority: critical
trigger: {event: left, when: event.total >= 20}
workflow:
  - {id: noted, type: update_user_data, set: {visits: visits + 1}}
  - id: sorted
    type: segment_user
    into: tier
    choices: [{when: event.total >= 100, value: gold}]
    else: plain
  - id: fork
    type: conditional_branch
    branches: [{when: "tier = 'gold'", next: ask}]
    else: offer
  - id: ask
    type: trigger_webhook
    url: HOOK/coupon
    payload: {who: user_id}
    response: {coupon: {path: coupon, type: text}}
    retry: {attempts: 9, backoff: 1 second}
  - {id: pause, type: wait_condition, until: "2026-01-01T00:00:00Z"}
  - {id: offer, type: send_email, template: offer}
"""
ONE = "workflow: [{id: offer, type: send_email, template: offer}]\n"
OLD = "  - {id: offer, type: send_email, template: offer}\n"
LOCK = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1], isolation_level=None) as store:
    sys.stdin.readline()
    store.execute("BEGIN EXCLUSIVE")
    print("locked", flush=True)
    sys.stdin.read()
"""
LONG = "{id: rest, type: wait_condition, for: 30 days}"


def test_all_six_steps_from_event_to_mail(shop: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    shop.workflow("cart", SIX, offer="{{ coupon or tier }}")
    shop.people("ann", "bob", "cyd")
    assert shop.automate()["events"] == 0
    shop.happen("left", "ann", total=120)
    shop.happen("left", "bob", total=30)
    shop.happen("left", "cyd", total=5)
    shop.happen("left", "nobody", total=500)
    counts = shop.automate()
    assert (counts["events"], counts["entered"], counts["strangers"], counts["accepted"]) == (4, 2, 1, 2)
    assert shop.mails() == {("ann", "cart C-ann"): 1, ("bob", "cart plain"): 1}
    ann, bob = shop.executions()
    assert [(row["step"], row["outcome"]) for row in ann["told"]] == [
        *[("noted", "entered"), ("noted", "done"), ("sorted", "done"), ("fork", "done"), ("ask", "done")],
        *[("pause", "done"), ("offer", "done")],
    ]
    assert [row["step"] for row in bob["told"]] == ["noted", "noted", "sorted", "fork", "offer"]
    assert {ann["state"], bob["state"]} == {"done"}
    assert shop.attributes("ann", "bob", "cyd") == {"ann": {"visits": 1}, "bob": {"visits": 1}, "cyd": {"visits": 0}}
    assert [*shop.hook.heard.values()] == [1]
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(shop.folder)
    capsys.readouterr()
    assert run_guarded(["executions", "show", ann["execution_id"], "--json"], debug=True) == 0
    figures = json.loads(capsys.readouterr().out)["performance"]
    assert (len(figures), figures["workflow_id"], figures["success_rate"], figures["error_count"]) == (
        11,
        "cart",
        1.0,
        0,
    )
    measured = ("execution_time_ms", "database_query_time_ms", "template_render_time_ms", "email_send_time_ms")
    assert all(
        figures[name] > 0 for name in (*measured, "queue_wait_time_ms", "total_memory_mb", "throughput_per_minute")
    )
    assert figures["cpu_usage_percent"] is not None


def test_ways_in_and_who_may_not_go_them(shop: Any) -> None:
    shop.workflow("called", "trigger: {api: true}\n" + ONE)
    shop.workflow("first", f"trigger: {{event: left}}\nworkflow:\n  - {LONG}\n")
    shop.workflow("second", "trigger: {event: bought}\nnot_while: [first]\n" + ONE)
    shop.workflow("third", "trigger: {event: bought}\nonly_after: [called]\n" + ONE)
    shop.workflow("often", "segments: {often: visits >= 5}\ntrigger: {segment_entry: often}\n" + ONE)
    shop.people("ann", "bob")
    shop.people("cyd", visits=7)
    shop.automate()
    shop.happen("trigger:called", "ann", "nobody")
    shop.happen("left", "bob")
    shop.happen("trigger:second", "ann")  # nobody who has a trigger is called in
    assert shop.automate()["strangers"] == 1
    shop.happen("bought", "ann", "bob")
    shop.people("ann", visits=9)
    shop.automate()
    assert shop.mails() == {("ann", f"{name} offer"): 1 for name in ("called", "second", "third", "often")}
    assert [(row["workflow"], row["user_id"]) for row in shop.executions() if row["state"] == "waiting"] == [
        ("first", "bob")
    ]


def test_who_has_begun_goes_on_as_it_was_and_who_comes_later_as_it_is(shop: Any) -> None:
    shop.workflow(
        "cart",
        "trigger: {event: left}\nworkflow:\n  - {id: wait, type: wait_condition, event: bought, timeout: 30 days, on_timeout: end}\n"
        + OLD,
    )
    shop.people("ann", "bob")
    shop.automate()
    shop.happen("left", "ann")
    shop.automate()
    shop.workflow("cart", "trigger: {event: left}\nworkflow:\n" + OLD.replace("id: offer", "id: more"), other="other")
    shop.happen("left", "bob")
    shop.happen("bought", "ann")
    shop.automate()
    assert shop.mails() == {("ann", "cart offer"): 1, ("bob", "cart offer"): 1}
    ann, bob = shop.executions()
    assert ann["version"] != bob["version"]
    assert [row["step"] for row in ann["told"]] == ["wait", "wait", "offer"]
    assert [row["step"] for row in bob["told"]] == ["more", "more"]


def test_of_two_workflows_the_one_with_the_higher_priority_has_what_the_cap_allows(shop: Any) -> None:
    """Guaranteed of what was decided before either has gone; here both are decided in one go, the lower one first by name."""
    for name, priority in (("a_low", "low"), ("b_high", "critical")):
        limits = "limits: {frequency: [{messages: 1, per: 7 days}]}\n"
        shop.workflow(name, f"priority: {priority}\ntrigger: {{event: left}}\n{limits}{ONE}")
    names = [f"p{number}" for number in range(9)]
    shop.people(*names)
    shop.automate()
    shop.happen("left", *names)
    counts = shop.automate()
    assert shop.mails() == {(name, "b_high offer"): 1 for name in names}
    assert (counts["messages"], counts["accepted"]) == (18, 9)


def test_who_does_not_answer_keeps_nobody_else_from_going_on(shop: Any, watched: Any) -> None:
    ask = "  - {id: ask, type: trigger_webhook, url: HOOK/hang, payload: {who: user_id}}\n"
    shop.workflow("slow", "priority: critical\ntrigger: {event: left}\nworkflow:\n" + ask)
    shop.workflow("quick", "priority: critical\ntrigger: {event: bought}\n" + ONE)
    names = [f"p{number}" for number in range(20)]
    shop.people(*names)
    shop.automate()
    shop.happen("left", *names)
    before = []

    def look(counts: Any) -> None:
        if shop.hook.arrived.is_set() and not before:
            before.append("called")
            shop.happen("bought", "p1")
        if counts["accepted"] and not shop.hook.hangs.is_set():
            before.append("mailed")
            shop.hook.hangs.set()  # nobody has been answered until now

    watched.then = look
    shop.automate(watch=watched)
    assert before == ["called", "mailed"]
    assert shop.mails() == {("p1", "quick offer"): 1}


def test_whoever_learns_that_another_has_begun_ends(shop: Any, watched: Any) -> None:
    """Two machines do not see each other's files."""
    shop.workflow("cart", "trigger: {event: left}\n" + ONE)
    with closing(open_executions(shop.settings.stores_at)) as store:
        watched.then = lambda _: store.set_mark(DRIVER, "another")
        with pytest.raises(RefusedError) as caught:
            shop.automate(watch=watched, stopped=lambda: False)
    assert caught.value.diagnostics[0].code == "MR887"


def test_a_store_that_is_locked_for_a_while_loses_nothing(
    shop: Any, watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_sqlite_file, "BUSY_MILLISECONDS", 20)
    shop.workflow("cart", SIX, offer="{{ coupon or tier }}")
    names = [f"p{number}" for number in range(30)]
    shop.people(*names)
    shop.automate()
    shop.happen("left", *names, total=120)
    command = [sys.executable, "-c", LOCK, shop.settings.stores_folder / "store.sqlite"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        locked: list[int] = []

        def look(counts: Any) -> None:
            if counts["entered"] and not locked:
                other.stdin.write(b"lock\n")
                other.stdin.flush()
                assert other.stdout.readline() == b"locked\n"
                locked.append(len(watched.faults))
            elif locked and len(watched.faults) > locked[0] and not other.stdin.closed:
                other.stdin.close()

        watched.then = look
        shop.automate(watch=watched)
    shop.finish()
    assert watched.faults
    assert {code for _, code in watched.faults} == {"MR671"}
    assert shop.mails() == {(name, f"cart C-{name}"): 1 for name in names}
    assert {each["visits"] for each in shop.attributes(*names).values()} == {1}
