"""The tasks of an automation, what comes of each, and the parts that a worker and the driver are put together from.

The driver decides what is done next, and alone writes outboxes and marks; workers do it and may be lost at any moment. A task that is
lost comes again: whatever it had claimed is free when its owner is known to be gone or its lease ends, and whatever it had saved bears
the same names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.errors import Diagnostic
from engine.pipeline.automation.cache_figures import CacheNews
from engine.pipeline.definition import PlanDefinition
from engine.pipeline.work import DeliveryWork, PartitionDelivery, StageFigures
from engine.workflow.definition import Definition

Mask = npt.NDArray[np.bool_]
LEASE = 120_000_000
"""Microseconds for which a task's executions and effects are its own: longer than any task takes."""
API_EVENT = "trigger:"
"""A call to the API that names people is an event of this type and the workflow's name, kept as any other."""


@dataclass(frozen=True, slots=True)
class LiveWorkflow:
    """A workflow that people enter now, as it travels to workers. ``plan.audience`` has all columns that the people have."""

    plan: PlanDefinition
    definition: Definition

    @property
    def name(self) -> str:
        return self.plan.campaign.name


class People(Protocol):
    """Who people are now, for any thread."""

    def rows(self, workflow: str, user_ids: pa.StringArray) -> tuple[pa.RecordBatch, Mask]:
        """A row with the columns of the workflow's audience for each of these, in their order, and who of them is known.

        Whoever is not known has the key and nothing else.
        """

    def changed(self, user_ids: Sequence[str]) -> None:
        """The store has something new of these people: what was known of them is forgotten."""


@dataclass(frozen=True, slots=True)
class Advance:
    """Executions of one workflow are to go on: of the people of ``items`` (TAKEN, a person's in the order of their positions), and
    those that are due, which have been claimed (EXECUTIONS). Who has both is in both: events and due instants are met in their order.

    An item's payload is a JSON object. Of an event: ``position`` (of ARRIVALS), ``event_id``, ``event``, ``at`` (UTC microseconds) and
    ``properties`` (an object or null). Without ``event`` it tells that the person's columns are no longer what they were.
    """

    number: int
    workflow: str
    items: pa.RecordBatch
    executions: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Advanced:
    """``done`` are tickets that need nothing more, ``held`` those of people of whom somebody else works on an execution just now: they
    come again. ``strangers`` are events of people whom nobody knows. ``stages`` is time by stage. ``faults`` are what is wrong with the
    workflow: whom they concern stands still and is tried again when the lease ends."""

    number: int
    done: Sequence[str]
    held: Sequence[str]
    entered: int = 0
    executions: int = 0
    effects: int = 0
    strangers: int = 0
    stages: StageFigures = field(default_factory=dict)
    faults: Sequence[Diagnostic] = ()


class Sweeping(StrEnum):
    """Why all people are looked at, some at a time."""

    MOMENT = "moment"  # an instant of the trigger's cron expression: ``until``
    ANNIVERSARY = "anniversary"  # whose anniversary comes after ``after`` and not after ``until``
    SEGMENT = "segment"  # who has come to be in the trigger's segment, or has left it, as of ``until``; ``after`` 0 only notes who is in


@dataclass(frozen=True, slots=True)
class Sweep:
    """Let people enter a workflow for a reason that is not an event. ``user_ids`` are looked at; None: the ``most`` people of the store
    whose ids come after ``behind``. Instants are UTC microseconds."""

    number: int
    workflow: str
    why: Sweeping
    after: int
    until: int
    user_ids: Sequence[str] | None = None
    behind: str = ""
    most: int = 8_192


@dataclass(frozen=True, slots=True)
class Swept:
    """``last`` is the id of the last person that was looked at; None: there is nobody behind them."""

    number: int
    entered: int
    last: str | None


@dataclass(frozen=True, slots=True)
class Apply:
    """Effects of kinds UPDATE, MEMBERSHIP and CALL (EFFECTS, leased) are to be done."""

    number: int
    effects: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Applied:
    """``settled``: how many effects are done for good. The others come again when their lease ends. ``faults`` as in ``Advanced``."""

    number: int
    settled: int
    users: Sequence[str] = ()
    faults: Sequence[Diagnostic] = ()


@dataclass(frozen=True, slots=True)
class PlanSends:
    """Effects of kind SEND of one workflow (EFFECTS, leased) are to become messages."""

    number: int
    workflow: str
    effects: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class PlannedSends:
    """The next partition of the workflow's outbox, not written yet: ``effects`` are the names that are settled by it, ``verdicts`` has a
    row for each of them, ``outbox`` one for each message. ``at`` is the instant of the plan (UTC microseconds)."""

    number: int
    workflow: str
    effects: Sequence[str]
    verdicts: pa.RecordBatch
    outbox: pa.RecordBatch
    counts: Mapping[str, int]
    at: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """A partition of the outbox in a run's folder is to be delivered."""

    number: int
    run: Path
    work: DeliveryWork


@dataclass(frozen=True, slots=True)
class Delivered:
    """``stopped``: before its end, on order. ``measured`` (MEASURED): what it took, shared by the executions of the messages."""

    number: int
    run: Path
    partition: PartitionDelivery
    stopped: bool = False
    measured: pa.RecordBatch | None = None


Task = Advance | Sweep | Apply | PlanSends | Deliver
Result = Advanced | Swept | Applied | PlannedSends | Delivered


class Worker(Protocol):
    """Does tasks of any kind, in whatever process it stands; for several threads. Raises a MailrayError when a store, a provider or the
    ledger does not answer: the task comes again."""

    def do(self, task: Task) -> Result: ...

    def cache_news(self) -> CacheNews:
        """What its caches did since that was last asked."""

    def stop(self) -> None:
        """Begin no further message."""

    def close(self) -> None:
        """Let go of files and connections."""
