"""A worker of the automation: each kind of task has somebody who does it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from engine.pipeline.automation.cache_figures import CacheNews
from engine.pipeline.automation.contract import (
    Advance,
    Advanced,
    Applied,
    Apply,
    Deliver,
    Delivered,
    PlannedSends,
    PlanSends,
    Result,
    Sweep,
    Swept,
    Task,
)


class Deliverer(Protocol):
    def deliver(self, task: Deliver) -> Delivered: ...

    def stop(self) -> None:
        """Begin no further message."""


@dataclass(frozen=True, slots=True)
class TaskWorker:
    """``cache_news`` tells of the caches that its parts share; ``open`` is what is closed with it."""

    advance: Callable[[Advance], Advanced]
    sweep: Callable[[Sweep], Swept]
    apply: Callable[[Apply], Applied]
    plan: Callable[[PlanSends], PlannedSends]
    deliverer: Deliverer
    cache_news: Callable[[], CacheNews]
    open: ExitStack

    def do(self, task: Task) -> Result:
        match task:
            case Advance():
                return self.advance(task)
            case Sweep():
                return self.sweep(task)
            case Apply():
                return self.apply(task)
            case PlanSends():
                return self.plan(task)
            case Deliver():
                return self.deliverer.deliver(task)

    def stop(self) -> None:
        self.deliverer.stop()

    def close(self) -> None:
        self.stop()
        self.open.close()
