"""The Ray runner: plan tasks in a window that grows with the cluster, delivery actors in a pool that the controller sizes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from engine.assembly.stores import reached_by_all
from engine.assembly.wall_clock import wall
from engine.assembly.worker import RunJob
from engine.audience.partitions import Partition
from engine.cluster.backlog import DeliveryBacklog
from engine.cluster.capacity import CapacityControl, OnDecision
from engine.cluster.catalogue import catalogue
from engine.cluster.controller import Demand, Limits
from engine.cluster.delivery import DeliveryActor
from engine.cluster.pool import DeliveryPool
from engine.cluster.results import result_of
from engine.cluster.session import session
from engine.cluster.shared import check_can_deliver, check_lasting
from engine.cluster.tasks import plan_partition
from engine.delivery.worker import LEASE_MARGIN
from engine.errors import RefusedError
from engine.pipeline.work import DeliveryEvent, DeliveryRest, DeliveryWork, PartitionDelivery, PartitionPlan
from engine.templates.catalogue import TemplateSet

WAIT_SECONDS = 0.5


class RayRunner:
    """Schedules the partitions of one run. ``decided`` is told each decision that changed something."""

    def __init__(self, job: RunJob, templates: Sequence[TemplateSet], most_cpus: int, decided: OnDecision) -> None:
        self._job = ray.put(job)
        # The embedded ledger and stores are for the processes of one machine: SQLite's write-ahead log is shared memory beside the file
        # (https://www.sqlite.org/wal.html), and whoever closes it last on another machine would cut it off.
        self._node = None if reached_by_all(job.settings) else ray.get_runtime_context().get_node_id()
        self._lease = job.definition.campaign.delivery.reply_timeout + LEASE_MARGIN
        self._catalogue = catalogue(templates)
        self._templates = [each.digest for each in templates]
        limits = Limits(job.settings.delivery_workers, most_cpus)
        self._capacity = CapacityControl(str(job.settings.run_folder), limits, decided)
        self._pool = DeliveryPool(self._new_actor)

    def close(self) -> None:
        """Stop what is still under way, and give back what was asked of the cluster."""
        try:
            self._pool.stop()
        finally:
            self._capacity.release()

    def plan(self, partitions: Sequence[Partition]) -> Iterator[PartitionPlan]:
        waiting = deque(partitions)
        running: list[Any] = []
        while waiting or running:
            window = self._capacity.now(Demand("plan", len(waiting), len(running))).window
            while waiting and len(running) < window:
                running.append(plan_partition.remote(self._job, waiting.popleft()))
            ready, running = ray.wait(running, timeout=WAIT_SECONDS)
            for plan, load in map(result_of, ready):
                self._capacity.heard([load])
                yield plan

    def deliver(self, works: Sequence[DeliveryWork]) -> Iterator[DeliveryEvent]:
        if self._node is not None:
            check_can_deliver(self._node)
        backlog = DeliveryBacklog(works, self._lease, time.monotonic)
        while len(backlog) or len(self._pool) or backlog.later is not None:
            demand = Demand("deliver", len(backlog), len(self._pool), self._node)
            workers = self._capacity.now(demand).delivery_workers
            while len(self._pool) < workers and (work := backlog.take()):
                self._pool.start(work)
            self._pool.shrink(workers if len(backlog) else 0)
            yield from self._finished(backlog)
            yield from self._capacity.progress(self._pool.partitions)
            if not len(backlog) and not len(self._pool) and (later := backlog.later):
                yield DeliveryRest(wall() + round(later * 1_000_000))

    def _finished(self, backlog: DeliveryBacklog) -> Iterator[PartitionDelivery]:
        for work, result in self._pool.finished(WAIT_SECONDS):
            if isinstance(result, PartitionDelivery):
                if result.next_due is not None:
                    backlog.again(work, (result.next_due - wall()) / 1_000_000)
                yield result
            elif isinstance(result, RayActorError):
                backlog.lost(work, result)
            elif isinstance(result, RefusedError):
                backlog.refused(work, result)
            else:
                raise result

    def _new_actor(self) -> Any:
        where = "SPREAD" if self._node is None else NodeAffinitySchedulingStrategy(self._node, soft=False)
        return DeliveryActor.options(scheduling_strategy=where).remote(  # type: ignore[attr-defined]
            self._job, self._catalogue, self._templates, self._capacity.controller
        )


@contextmanager
def ray_runner(
    job: RunJob,
    templates: Sequence[TemplateSet],
    *,
    address: str | None,
    object_store_mib: int,
    most_cpus: int | None,
    decided: OnDecision,
) -> Iterator[RayRunner]:
    """A runner on the cluster at ``address``, which may be asked to grow to ``most_cpus``, or on a local one that ends with it."""
    check_lasting(job.settings.run_folder)
    with session(address, object_store_mib=object_store_mib):
        runner = RayRunner(job, templates, most_cpus or 0, decided)
        try:
            yield runner
        finally:
            runner.close()
