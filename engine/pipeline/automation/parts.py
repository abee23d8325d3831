"""What the driver of an automation is put together from, and who watches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.campaign.schema import Priority
from engine.errors import Diagnostic
from engine.pipeline.automation.dates import Dates
from engine.pipeline.automation.deliveries import Deliveries
from engine.pipeline.automation.dispatch import Dispatcher
from engine.pipeline.automation.effects import EffectFeed
from engine.pipeline.automation.gathering import Gathering
from engine.pipeline.automation.intake import Intake
from engine.pipeline.automation.outbox import Outbox
from engine.queueing.alarms import DepthAlarm
from engine.workflow.executions import ExecutionStore


class Watch(Protocol):
    """Who watches an automation, for example a progress display."""

    def counted(self, counts: Mapping[str, int], waiting: int) -> None:
        """What was done since the start, and how many items and executions wait or are worked on."""

    def alarm(self, alarm: DepthAlarm) -> None:
        """A priority waits for too long, or no longer."""

    def fault(self, what: str, diagnostics: Sequence[Diagnostic]) -> None:
        """Something did not go, and is tried again; the same is told once in a while."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the driver is put together from. ``paced`` are the runs of which one worker delivers all; ``priorities`` by workflow.
    ``begun`` is when this driver began (UTC microseconds): whatever was claimed or leased before is nobody's. ``driver`` is a name that no
    other has."""

    executions: ExecutionStore
    intake: Intake
    dispatcher: Dispatcher
    dates: Dates
    updates: EffectFeed
    calls: EffectFeed
    sends: EffectFeed
    gathering: Gathering
    outbox: Outbox
    deliveries: Deliveries
    paced: Callable[[Path], bool]
    priorities: Mapping[str, Priority]
    numbers: Callable[[], int]
    begun: int
    driver: str
    wall: Callable[[], int]
