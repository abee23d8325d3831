"""The units of work that a runner schedules, and what a runner is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.audience.partitions import Partition

StageFigures = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class PartitionPlan:
    """A planned partition: its counts (``PlanCounts.as_dict``), the digest of each block's messages, time by stage."""

    number: int
    counts: Mapping[str, Any]
    digests: Sequence[str]
    stages: StageFigures

    @property
    def messages(self) -> int:
        return int(self.counts["messages"])


@dataclass(frozen=True, slots=True)
class DeliveryWork:
    """A partition to deliver, of which no more than ``most`` messages are sent (None: all)."""

    number: int
    messages: int
    most: int | None = None


@dataclass(frozen=True, slots=True)
class DeliveryProgress:
    """Where the delivery of a partition stands: messages by ledger state."""

    number: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PartitionDelivery:
    """A partition whose delivery has come to its end for now; at ``next_due`` (UTC microseconds) there is something to do again.
    ``stopped``: before its end, on order."""

    number: int
    counts: Mapping[str, int]
    stages: StageFigures
    next_due: int | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryRest:
    """Nothing can be delivered before an instant (UTC microseconds). Whoever asks for the next event should wait a while."""

    until: int


DeliveryEvent = DeliveryProgress | PartitionDelivery | DeliveryRest


ProgressCallback = Callable[[DeliveryProgress], None]


class PartitionWorker(Protocol):
    """What does the work, in whatever process it stands. Both verbs may be repeated: a partition planned twice is the same, and a
    partition delivered twice goes on from its ledger."""

    def plan(self, partition: Partition) -> PartitionPlan: ...

    def deliver(self, work: DeliveryWork, progress: ProgressCallback) -> PartitionDelivery: ...

    def stop(self) -> None:
        """Begin no further message; from any thread."""


class Runner(Protocol):
    """Where the work is scheduled. Results come in any order.

    A partition that has something to do again comes again when it is due, for as long as events are asked for.
    """

    def plan(self, partitions: Sequence[Partition]) -> Iterator[PartitionPlan]: ...

    def deliver(self, works: Sequence[DeliveryWork]) -> Iterator[DeliveryEvent]: ...
