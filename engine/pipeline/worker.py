"""The work on one partition, wherever it is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import Any, Protocol

import pyarrow as pa

from engine.audience.partitions import Partition
from engine.delivery.dispatch import Surroundings, never
from engine.delivery.doubts import Witness
from engine.delivery.gate import Gate
from engine.delivery.transport import Transport
from engine.delivery.worker import Settings, deliver
from engine.ledger.contract import Ledger
from engine.ledger.counts import Counts
from engine.ledger.states import State
from engine.monitoring import Stages
from engine.pipeline.closing import Archive, close_partition
from engine.pipeline.materialise import Mailing, Materialiser
from engine.pipeline.pace import RunPace
from engine.pipeline.work import DeliveryProgress, DeliveryWork, PartitionDelivery, PartitionPlan, ProgressCallback


class PlanStore(Protocol):
    """Where planned partitions are kept."""

    def write(self, number: int, blocks: Iterable[tuple[pa.RecordBatch, pa.RecordBatch]]) -> list[str]: ...

    def finish(self, number: int, result: Mapping[str, Any]) -> None: ...

    def outbox(self, number: int) -> pa.RecordBatch: ...


class Planner(Protocol):
    """What plans a partition; see ``engine.pipeline.planner``."""

    def plan(self, partition: Partition) -> PartitionPlan: ...


class Deliverer:
    """Delivers partitions of one run through one transport. ``gate`` makes the gate of a partition from its outbox; ``release`` lets go of
    what has been opened for all this."""

    def __init__(
        self,
        mailing: Mailing,
        plans: PlanStore,
        ledger: Ledger,
        archive: Archive,
        transport: Transport,
        settings: Settings,
        wall: Callable[[], int],
        stopped: Callable[[], bool],
        pace: RunPace,
        gate: Callable[[int, pa.RecordBatch], Gate],
        witness: Witness,
        release: Callable[[], None],
    ) -> None:
        self._release = release
        self._mailing = mailing
        self._plans = plans
        self._ledger = ledger
        self._archive = archive
        self._transport = transport
        self._settings = settings
        self._wall = wall
        self._stopped = stopped
        self._gate = gate
        self._pace = pace
        self._witness = witness

    def deliver(self, work: DeliveryWork, progress: ProgressCallback) -> PartitionDelivery:
        stages = Stages(time.perf_counter)
        outbox = self._plans.outbox(work.number)
        pa.default_memory_pool().release_unused()
        around = Surroundings(
            wall=self._wall,
            stopped=self._stopped,
            progress=lambda counts: progress(DeliveryProgress(work.number, outcome_counts(counts))),
            pace=self._pace.together,
            pacing=self._pace.of(outbox),
            gate=self._gate(work.number, outbox),
            witness=self._witness,
        )
        ledger = self._ledger.partition(work.number)
        try:
            with stages.timed("deliver", outbox.num_rows):
                delivered = asyncio.run(
                    deliver(
                        ledger,
                        outbox.column("key").to_pylist(),
                        Materialiser(self._mailing, outbox, stages).blocks,
                        self._transport,
                        replace(self._settings, most=work.most),
                        around,
                    )
                )
            with stages.timed("close", outbox.num_rows):
                close_partition(work.number, ledger, self._archive)
        finally:
            ledger.close()
        next_due = None if delivered.stopped else delivered.next_due
        counts = outcome_counts(delivered.counts)
        return PartitionDelivery(work.number, counts, stages.as_dict(), next_due, delivered.stopped)

    def close(self) -> None:
        """Let go of what was opened for it."""
        self._release()


class Worker:
    """Both kinds of work in one process. What they need is made when it is first asked for: a planner compiles no template.

    ``halted`` is looked at before each message, as an order to stop is.
    """

    def __init__(
        self,
        planner: Callable[[], Planner],
        deliverer: Callable[[Callable[[], bool]], Deliverer],
        halted: Callable[[], bool] = never,
    ) -> None:
        self._make_planner = planner
        self._make_deliverer = deliverer
        self._planner: Planner | None = None
        self._deliverer: Deliverer | None = None
        self._halted = halted
        self._stop = Event()

    def plan(self, partition: Partition) -> PartitionPlan:
        if self._planner is None:
            self._planner = self._make_planner()
        return self._planner.plan(partition)

    def deliver(self, work: DeliveryWork, progress: ProgressCallback) -> PartitionDelivery:
        if self._deliverer is None:
            self._deliverer = self._make_deliverer(lambda: self._stop.is_set() or self._halted())
        return self._deliverer.deliver(work, progress)

    def stop(self) -> None:
        """Begin no further message; those on the wire get their outcome."""
        self._stop.set()

    def close(self) -> None:
        """Let go of what is open. For whoever has stopped it, or has nothing under way."""
        if self._deliverer is not None:
            self._deliverer.close()
            self._deliverer = None


OUTCOMES: Mapping[str, Sequence[State]] = {
    "planned": (State.PLANNED, State.RESOLVED_RESEND),
    "intent": (State.INTENT,),
    "accepted": (State.ACCEPTED, State.RESOLVED_SENT),
    "deferred": (State.DEFERRED,),
    "rejected": (State.REJECTED,),
    "unknown": (State.UNKNOWN,),
    "skipped": (State.SKIPPED, State.RESOLVED_SKIPPED),
}


def outcome_counts(counts: Counts) -> dict[str, int]:
    """Messages by what became of them, in words for people; every word is there."""
    return {name: sum(counts[state] for state in states) for name, states in OUTCOMES.items()}
