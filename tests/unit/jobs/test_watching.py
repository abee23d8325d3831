"""What an automation shows while it works, and how often."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.campaign.schema import Priority
from engine.errors import Diagnostic
from engine.pipeline.automation.dispatch_figures import Waits, level_figures
from engine.queueing.alarms import DepthAlarm
from jobs import watching
from jobs.watching import AutomationLines

DOWN = Diagnostic("MR671", "the store does not answer")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_a_fault_that_goes_on_is_told_once_a_minute_and_another_at_once(clock: Any, capsys: Any) -> None:
    lines = AutomationLines(quiet=True)
    for _ in range(240):
        lines.fault("events", [DOWN])
        lines.fault("delivery", [DOWN, Diagnostic("MR691", "the queue does not answer")])
        clock.now += 0.5
    told = capsys.readouterr().err.splitlines()
    assert sorted(told) == sorted(
        2 * ["events: warning[MR671]: the store does not answer", "delivery: warning[MR671]: the store does not answer"]
        + 2 * ["delivery: warning[MR691]: the queue does not answer"]
    )


def test_a_line_now_and_then_and_only_if_there_is_something_new(clock: Any, capsys: Any) -> None:
    lines, silent = AutomationLines(quiet=False), AutomationLines(quiet=True)
    for number in range(100):
        for each in (lines, silent):
            each.counted({"events": 1_200 if number > 40 else 5, "calls": 0}, 3)
        clock.now += 0.5
    assert capsys.readouterr().err.splitlines() == ["events 5  waiting 3", "events 1,200  waiting 3"]


def test_a_line_tells_how_long_those_waited_who_were_handed_out(clock: Any, capsys: Any) -> None:
    waits = {priority: Waits() for priority in Priority}
    waits[Priority.CRITICAL].add(np.array([300_000]), level=1)
    lines = AutomationLines(quiet=False, levels=lambda: level_figures(Counter(), Counter(), Counter(), waits, {}))
    lines.counted({"events": 5}, 3)
    assert capsys.readouterr().err.splitlines() == ["events 5  waiting 3  critical p99 0.3 s"]


def test_an_alarm_is_told_at_once_also_to_who_wants_no_lines(clock: Any, capsys: Any) -> None:
    lines = AutomationLines(quiet=True)
    for raised in (True, False):
        lines.alarm(DepthAlarm(Priority.CRITICAL, raised, waited=2_500_000, depth=40))
    assert capsys.readouterr().err.splitlines() == [
        "critical work waits for too long: 40 wait, the next since 2.5 s",
        "critical work waits no longer than it may: 40 wait, the next since 2.5 s",
    ]
