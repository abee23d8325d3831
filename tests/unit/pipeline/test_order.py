"""In which order a run's partitions are delivered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from engine.monitoring import Stages
from engine.pipeline.run import CampaignRun
from engine.pipeline.work import DeliveryWork, PartitionDelivery, PartitionPlan


class Runner:
    def __init__(self) -> None:
        self.numbers: list[int] = []

    def deliver(self, works: Sequence[DeliveryWork]) -> Iterator[PartitionDelivery]:
        self.numbers = [work.number for work in works]
        return iter(())


class Observer:
    def phase(self, name: str, total: int) -> None: ...

    def done(self, rows: int, counts: Mapping[str, int]) -> None: ...


def test_partitions_that_were_closed_come_last_and_each_is_looked_at() -> None:
    nothing: Any = None
    closed = {0, 1, 3}
    run = CampaignRun(
        nothing, nothing, nothing, nothing, Stages(lambda: 0.0), Observer(), lambda: None, closed.__contains__
    )
    runner = Runner()
    plans = [PartitionPlan(number, {"messages": 5}, (), {}) for number in range(5)]
    run.deliver(cast(Any, runner), plans, None)
    assert runner.numbers == [2, 4, 0, 1, 3]
