"""The Ray tasks: planning a partition. Planning is pure, so Ray may repeat it."""

from __future__ import annotations

from functools import lru_cache

import ray

from engine.assembly import RunSettings, open_worker
from engine.audience.partitions import Partition
from engine.pipeline.work import PartitionPlan, PartitionWorker


@lru_cache(maxsize=4)
def worker_of(settings: RunSettings) -> PartitionWorker:
    """The worker for a run in this process: its compiled programs and open files are kept between partitions."""
    return open_worker(settings)


@ray.remote(num_cpus=1, max_retries=3)
def plan_partition(settings: RunSettings, partition: Partition) -> PartitionPlan:
    return worker_of(settings).plan(partition)
