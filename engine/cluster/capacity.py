"""The driver's side of the controller: the capacity in force, and the decisions as they are made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ray
from ray.exceptions import ActorDiedError

from engine.cluster.controller import Demand, Limits, controller
from engine.cluster.load import NodeLoad
from engine.control import Capacity, Decision
from engine.pipeline.work import DeliveryProgress

TICK_SECONDS = 1.0

OnDecision = Callable[[Decision], None]


class CapacityControl:
    """What the controller allows one run. ``decided`` is told each decision that changed something."""

    def __init__(self, run: str, limits: Limits, decided: OnDecision) -> None:
        self._run = run
        self._limits = limits
        self._decided = decided
        self._decision: Decision | None = None
        self._next_tick = 0.0
        self.controller = controller()

    def now(self, demand: Demand) -> Capacity:
        """The capacity in force; decided anew once a tick and at the start of a phase."""
        decision, at = self._decision, time.monotonic()
        if decision is None or at >= self._next_tick or decision.reading.phase != demand.phase:
            self._next_tick = at + TICK_SECONDS
            decision = self._ask(lambda to: to.tick.remote(self._run, demand, self._limits))
            self._decision = decision
            if decision.reasons:
                self._decided(decision)
        return decision.after

    def heard(self, loads: Sequence[NodeLoad]) -> None:
        self.controller.report_load.remote(loads)

    def progress(self, partitions: Iterable[int]) -> list[DeliveryProgress]:
        """How far these partitions are, those of which nothing is known left out."""
        told = self._ask(lambda to: to.progress.remote(self._run))
        return [DeliveryProgress(number, told[number]) for number in partitions if number in told]

    def release(self) -> None:
        """Give back what was asked of the cluster."""
        self._ask(lambda to: to.release.remote(self._run))

    def _ask(self, call: Callable[[Any], Any]) -> Any:
        """The answer. A controller that has ended itself, for want of runs, is followed by a new one."""
        try:
            return ray.get(call(self.controller))
        except ActorDiedError:
            self.controller = controller()
            return ray.get(call(self.controller))
