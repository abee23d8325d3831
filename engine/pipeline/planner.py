"""Planning a partition: its blocks through the plan's program, into the plan's store."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Protocol

import pyarrow as pa

from engine.audience.frozen import AudienceStore
from engine.audience.partitions import Partition
from engine.monitoring import Stages
from engine.pipeline.counts import PlanCounts
from engine.pipeline.definition import PlanDefinition
from engine.pipeline.plan import PlanProgram
from engine.pipeline.work import PartitionPlan


class PlanStore(Protocol):
    """Where planned partitions are kept."""

    def write(self, number: int, blocks: Iterable[tuple[pa.RecordBatch, pa.RecordBatch]]) -> list[str]: ...

    def finish(self, number: int, result: Mapping[str, Any]) -> None: ...


class PartitionPlanner:
    """Plans partitions of one run; its program is compiled once."""

    def __init__(self, definition: PlanDefinition, audience: AudienceStore, plans: PlanStore) -> None:
        self._program = PlanProgram(definition)
        self._audience = audience
        self._plans = plans

    def plan(self, partition: Partition) -> PartitionPlan:
        stages = Stages(time.perf_counter)
        counts = PlanCounts()

        def blocks() -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
            for first, block, marks in self._audience.blocks(partition.start, partition.stop):
                with stages.timed("plan", block.num_rows):
                    planned = self._program.plan(first, block, marks)
                counts.add(planned.counts)
                yield planned.verdicts, planned.outbox

        plan = PartitionPlan(partition.number, {}, self._plans.write(partition.number, blocks()), stages.as_dict())
        result = PartitionPlan(plan.number, counts.as_dict(), plan.digests, plan.stages)
        self._plans.finish(partition.number, asdict(result))
        return result
