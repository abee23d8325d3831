"""The delivery actors: each works on one partition at a time, with its programs compiled and its connections open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ray

from engine.assembly.worker import RunJob, open_worker
from engine.cluster.catalogue import prepared_templates
from engine.cluster.heartbeat import Heartbeat
from engine.cluster.load import load_here
from engine.cluster.shared import check_visible
from engine.pipeline.work import DeliveryProgress, DeliveryWork, PartitionDelivery


# Ray never repeats a send: a lost actor's partition is taken up by a new one, which reads the ledger first.
# The other calls at a time are ``stop`` and ``beat``.
@ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=3)  # type: ignore[call-overload]
class DeliveryActor:
    """Ends with the driver that made it. Nothing can go wrong in its making, whose faults would not come out as themselves."""

    def __init__(self, job: RunJob, catalogue: Any, templates: Sequence[str], controller: Any) -> None:
        self._run_folder = job.settings.run_folder
        self._controller = controller
        self._heartbeat = Heartbeat(time.monotonic)
        self._worker = open_worker(job, lambda: prepared_templates(catalogue, templates), self._heartbeat.lost)

    def deliver(self, work: DeliveryWork) -> PartitionDelivery:
        """Ends early when the driver has not been heard of; if it is there after all, the partition is to come again."""
        self._heartbeat.begin()
        check_visible(self._run_folder)
        delivered = self._worker.deliver(work, self._tell)
        return replace(delivered, next_due=0) if self._heartbeat.missed else delivered

    def beat(self) -> None:
        """The driver is there."""
        self._heartbeat.beat()

    def stop(self) -> None:
        """Begin no further message; the delivery returns when those on the wire have their outcome."""
        self._worker.stop()

    def _tell(self, progress: DeliveryProgress) -> None:
        self._controller.report_progress.remote(
            str(self._run_folder), progress.number, dict(progress.counts), load_here()
        )
