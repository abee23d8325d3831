"""The whole job in this process, with real parts: from what happens to people to the mail that they get."""

from __future__ import annotations

from typing import Any

import pytest

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
  - {id: ask, type: trigger_webhook, url: HOOK/coupon, payload: {who: user_id}, response: {coupon: {path: coupon, type: text}}}
  - {id: pause, type: wait_condition, until: "2026-01-01T00:00:00Z"}
  - {id: offer, type: send_email, template: offer}
"""
ONE = "workflow: [{id: offer, type: send_email, template: offer}]\n"


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
    print(capsys.readouterr().out)
