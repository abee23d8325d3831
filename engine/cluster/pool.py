"""The delivery actors of one run, and which partition each is at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ray
from ray.exceptions import RayActorError

from engine.cluster.results import result_of
from engine.errors import MailrayError
from engine.pipeline.work import DeliveryWork, PartitionDelivery

HEARD_SECONDS = 2.0  # an actor that has not heard of the end by then has never begun
STOP_SECONDS = 30.0  # for the replies to what is on the wire; what has none by then is in doubt, and listed


class DeliveryPool:
    """``make`` starts an actor."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[Any, DeliveryWork]] = {}

    def __len__(self) -> int:
        """The actors that are at work."""
        return len(self._running)

    @property
    def partitions(self) -> list[int]:
        return [work.number for _, work in self._running.values()]

    def start(self, work: DeliveryWork) -> None:
        actor = self._idle.pop() if self._idle else self._make()
        self._running[actor.deliver.remote(work)] = (actor, work)

    def finished(
        self, seconds: float
    ) -> Iterator[tuple[DeliveryWork, PartitionDelivery | MailrayError | RayActorError]]:
        """Wait so long for works to end; each with its result, or with why there is none: a fault, or that its actor is gone.

        Those that are at work hear that we are here.
        """
        for actor, _ in self._running.values():
            actor.beat.remote()
        ready, _ = ray.wait(list(self._running), timeout=seconds) if self._running else ([], [])
        for reference in ready:
            actor, work = self._running.pop(reference)
            try:
                result = result_of(reference)
            except RayActorError as fault:
                ray.kill(actor)  # Ray may only have lost sight of it
                yield work, fault
            except MailrayError as fault:
                self._idle.append(actor)
                yield work, fault
            else:
                self._idle.append(actor)
                yield work, result

    def shrink(self, workers: int) -> None:
        """End idle actors until there are no more than so many in all; each holds a CPU."""
        while self._idle and len(self._idle) + len(self._running) > workers:
            ray.kill(self._idle.pop())

    def stop(self) -> None:
        """End all actors, when the messages on the wire have their outcome."""
        try:
            told = {actor.stop.remote(): reference for reference, (actor, _) in self._running.items()}
            heard = _within(list(told), HEARD_SECONDS)
            _within([told[each] for each in heard], STOP_SECONDS)
        finally:
            for actor in [*self._idle, *(actor for actor, _ in self._running.values())]:
                ray.kill(actor)
            self._idle, self._running = [], {}


def _within(references: list[Any], seconds: float) -> list[Any]:
    """Those of the references that are ready within so many seconds."""
    return list(ray.wait(references, num_returns=len(references), timeout=seconds)[0]) if references else []
