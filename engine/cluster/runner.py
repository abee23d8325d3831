"""The Ray runner: plan tasks in a window that grows with the cluster, delivery actors in a pool that the controller sizes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from engine.assembly import RunJob
from engine.audience.partitions import Partition
from engine.cluster.catalogue import catalogue
from engine.cluster.controller import controller
from engine.cluster.delivery import DeliveryActor
from engine.cluster.session import session
from engine.cluster.tasks import plan_partition
from engine.control import Decision
from engine.errors import MailrayError, TryAgainError
from engine.pipeline.work import DeliveryProgress, DeliveryWork, PartitionDelivery, PartitionPlan
from engine.templates.catalogue import TemplateSet

TICK_SECONDS = 1.0
MOST_ATTEMPTS = 3  # of a partition whose delivery actor died

OnDecision = Callable[[Decision], None]


class RayRunner:
    """Schedules the partitions of one run. ``decided`` is told each decision that changed something."""

    def __init__(self, job: RunJob, templates: Sequence[TemplateSet], decided: OnDecision) -> None:
        self._run = job.settings.run_folder
        self._most_workers = job.settings.delivery_workers
        self._job = ray.put(job)
        self._catalogue = catalogue()
        self._templates: list[str] = ray.get(self._catalogue.publish.remote(templates))
        self._controller = controller()
        self._decided = decided
        self._decision: Decision | None = None
        self._last_tick = 0.0

    def close(self) -> None:
        """Give back what was asked of the cluster."""
        ray.get(self._controller.release.remote(self._run.name))

    def plan(self, partitions: Sequence[Partition]) -> Iterator[PartitionPlan]:
        waiting = deque(partitions)
        running: dict[Any, Partition] = {}
        while waiting or running:
            window = self._capacity("plan", len(waiting), len(running)).after.window
            while waiting and len(running) < window:
                partition = waiting.popleft()
                running[plan_partition.remote(self._job, partition)] = partition
            for ready in _wait(list(running)):
                del running[ready]
                yield _get(ready)

    def deliver(self, works: Sequence[DeliveryWork]) -> Iterator[DeliveryProgress | PartitionDelivery]:
        waiting = deque(works)
        attempts: dict[int, int] = {}
        idle: list[Any] = []
        running: dict[Any, tuple[Any, DeliveryWork]] = {}
        try:
            while waiting or running:
                workers = self._capacity("deliver", len(waiting), len(running)).after.delivery_workers
                while waiting and len(running) < workers:
                    actor = idle.pop() if idle else self._new_actor()
                    work = waiting.popleft()
                    running[actor.deliver.remote(work)] = (actor, work)
                for ready in _wait(list(running)):
                    actor, work = running.pop(ready)
                    try:
                        yield _get(ready)
                    except RayActorError as fault:
                        self._again(work, attempts, fault)
                        waiting.append(work)
                    else:
                        idle.append(actor)
                yield from self._progress(running)
        finally:
            for actor in [*idle, *(actor for actor, _ in running.values())]:
                ray.kill(actor)

    def _again(self, work: DeliveryWork, attempts: dict[int, int], fault: RayActorError) -> None:
        attempts[work.number] = attempts.get(work.number, 0) + 1
        if attempts[work.number] >= MOST_ATTEMPTS:
            raise TryAgainError.single(
                "MR802",
                f"the delivery of partition {work.number} died {MOST_ATTEMPTS} times",
                help=f"nothing is lost: `mailray resume {self._run}` goes on",
            ) from fault

    def _new_actor(self) -> Any:
        return DeliveryActor.remote(self._job, self._catalogue, self._templates, self._controller)  # type: ignore[attr-defined]

    def _progress(self, running: dict[Any, tuple[Any, DeliveryWork]]) -> Iterator[DeliveryProgress]:
        numbers = {work.number for _, work in running.values()}
        told = ray.get(self._controller.progress.remote(self._run.name))
        for number, counts in told.items():
            if number in numbers:
                yield DeliveryProgress(number, counts)

    def _capacity(self, phase: str, pending: int, in_flight: int) -> Decision:
        """The decision in force; a new one at most once a tick."""
        now = time.monotonic()
        if self._decision is None or now - self._last_tick >= TICK_SECONDS or self._decision.reading.phase != phase:
            self._last_tick = now
            decision: Decision = ray.get(self._controller.tick.remote(phase, pending, in_flight, self._most_workers))
            if decision.reasons:
                self._decided(decision)
            self._decision = decision
        return self._decision


def _wait(references: list[Any]) -> list[Any]:
    ready, _ = ray.wait(references, num_returns=1, timeout=TICK_SECONDS / 2) if references else ([], [])
    return list(ready)


def _get(reference: Any) -> Any:
    """The result, or the fault as it was raised in the worker."""
    try:
        return ray.get(reference)
    except RayTaskError as fault:
        if isinstance(fault.cause, MailrayError):
            raise fault.cause from None
        raise


@contextmanager
def ray_runner(
    job: RunJob, templates: Sequence[TemplateSet], *, address: str | None, object_store_mib: int, decided: OnDecision
) -> Iterator[RayRunner]:
    """A runner on the cluster at ``address``, or on a local one that ends with it."""
    with session(address, object_store_mib=object_store_mib):
        runner = RayRunner(job, templates, decided)
        try:
            yield runner
        finally:
            runner.close()
