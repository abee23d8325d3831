"""What an automation shows while it works: a line now and then, alarms, and what does not go."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from engine.campaign.schema import Priority
from engine.errors import Diagnostic
from engine.pipeline.automation.dispatch_figures import LevelFigures
from engine.queueing.alarms import DepthAlarm
from jobs.console import err

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_REPEATS = 60.0


class AutomationLines:
    """On standard error. A fault that goes on is told once a minute; ``quiet`` tells of faults and alarms alone. ``levels`` gives the
    figures of the queue, of which lines tell how long almost all have waited."""

    def __init__(self, *, quiet: bool, levels: Callable[[], Mapping[Priority, LevelFigures]] = dict) -> None:
        self._quiet = quiet
        self._levels = levels
        self._next_line = 0.0
        self._line = ""
        self._told: dict[tuple[str, str], float] = {}

    def counted(self, counts: Mapping[str, int], waiting: int) -> None:
        now = time.monotonic()
        if self._quiet or now < self._next_line:
            return
        self._next_line = now + SECONDS_BETWEEN_LINES
        line = "  ".join(f"{name} {count:,}" for name, count in counts.items() if count) + f"  waiting {waiting:,}"
        line += "".join(_wait(priority, figures.p99_wait) for priority, figures in self._levels().items())
        if line != self._line:
            self._line = line
            err.print(line.strip(), markup=False, soft_wrap=True)

    def alarm(self, alarm: DepthAlarm) -> None:
        words = "waits for too long" if alarm.raised else "waits no longer than it may"
        seconds = f"{alarm.waited / 1e6:,.1f} s"
        err.print(f"{alarm.priority.value} work {words}: {alarm.depth:,} wait, the next since {seconds}", markup=False)

    def fault(self, what: str, diagnostics: Sequence[Diagnostic]) -> None:
        now = time.monotonic()
        for each in diagnostics:
            key = (what, each.code)
            if now >= self._told.get(key, 0.0):
                self._told[key] = now + SECONDS_BETWEEN_REPEATS
                err.print(f"{what}: {each.told_as('warning')}", markup=False, soft_wrap=True)


def _wait(priority: Priority, microseconds: int | None) -> str:
    """``  critical p99 0.3 s``: of all hundred that were handed out, one has waited for longer."""
    return "" if microseconds is None else f"  {priority.value} p99 {microseconds / 1e6:,.1f} s"
