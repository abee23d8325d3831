"""The Ray tasks: planning a partition. Planning is pure, so Ray may repeat it."""

from __future__ import annotations

import ray

from engine.assembly.settings import RunSettings
from engine.assembly.worker import RunJob, open_worker
from engine.audience.partitions import Partition
from engine.cluster.load import NodeLoad, load_here
from engine.cluster.shared import check_visible
from engine.pipeline.work import PartitionPlan, PartitionWorker

_workers: dict[RunSettings, PartitionWorker] = {}


@ray.remote(num_cpus=1, max_retries=3)
def plan_partition(job: RunJob, partition: Partition) -> tuple[PartitionPlan, NodeLoad]:
    """Plan one partition; the compiled program is kept in the process for the next one of the same run."""
    if job.settings not in _workers:
        check_visible(job.settings.run_folder)
        _workers.clear()
        _workers[job.settings] = open_worker(job, tuple)
    return _workers[job.settings].plan(partition), load_here()
