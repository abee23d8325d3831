"""The capacity rules as one pure function: reading and present capacity in, decision out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Reading:
    """What is seen at one moment of a run.

    ``pending`` partitions wait, ``in_flight`` are worked on; ``cpus`` is what the cluster has and ``cpus_possible`` what it could grow to;
    ``cpu_percent`` and ``memory_percent`` (0 to 100) are those of the busiest node.
    """

    phase: str
    pending: int
    in_flight: int
    cpus: float
    cpus_possible: float
    cpu_percent: float
    memory_percent: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the rules set: how many partitions may be in flight, how many delivery workers there are, how many CPUs are asked for
    (0: no more than there are)."""

    window: int
    delivery_workers: int
    requested_cpus: int

    def with_(self, **changes: int) -> Capacity:
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a campaign and its cluster allow."""

    delivery_workers: int
    window: int = 1_024


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule's answer: the capacity it wants, and why in words."""

    capacity: Capacity
    reason: str


class Rule(Protocol):
    """A capacity rule. Pure; None when it has nothing to change."""

    @property
    def name(self) -> str: ...

    def propose(self, reading: Reading, capacity: Capacity, bounds: Bounds) -> Proposal | None: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided at ``at`` (UTC, ISO 8601), from what, and which rules had a say; no reasons when nothing changes."""

    at: str
    reading: Reading
    before: Capacity
    after: Capacity
    reasons: Mapping[str, str]

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def decide(reading: Reading, capacity: Capacity, bounds: Bounds, rules: tuple[Rule, ...], at: str) -> Decision:
    """Each rule in turn sees what the ones before it made of the capacity; the last word is the one that protects most."""
    after, reasons = capacity, {}
    for rule in rules:
        proposal = rule.propose(reading, after, bounds)
        if proposal is not None:
            after = proposal.capacity
            reasons[rule.name] = proposal.reason
    return Decision(at, reading, capacity, after, reasons if after != capacity else {})
