"""The delivery actors: each works on one partition at a time, with its programs compiled and its connections open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ray

from engine.assembly import RunJob, open_worker
from engine.cluster.catalogue import prepared_templates
from engine.pipeline.work import DeliveryProgress, DeliveryWork, PartitionDelivery


# Ray never repeats a send: a lost actor's partition is taken up by a new one, which reads the ledger first.
@ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)
class DeliveryActor:
    def __init__(self, job: RunJob, catalogue: Any, templates: Sequence[str], controller: Any) -> None:
        self._run = job.settings.run_folder.name
        self._controller = controller
        self._worker = open_worker(job, lambda: prepared_templates(catalogue, templates))

    def deliver(self, work: DeliveryWork) -> PartitionDelivery:
        return self._worker.deliver(work, self._tell)

    def _tell(self, progress: DeliveryProgress) -> None:
        self._controller.report.remote(self._run, progress.number, dict(progress.counts))
