"""What is let in: everything while there is room; then batch work waits outside, then low, and a tenant's flood of critical items.

What waits outside is kept and comes in as soon as there is room; nothing is dropped. Only when the queue is full to the brim is a
sender told to come back later, so that nothing is acknowledged that could not be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from engine.campaign.schema import Priority


class Admission(StrEnum):
    ADMITTED = "admitted"  # into the schedule
    PARKED = "parked"  # kept, and scheduled when there is room
    REFUSED = "refused"  # not kept: come back later


FULL: Mapping[Priority, float] = MappingProxyType(
    {Priority.BATCH: 0.5, Priority.LOW: 0.7, Priority.NORMAL: 0.9, Priority.HIGH: 1.0, Priority.CRITICAL: 1.0}
)
"""The part of the schedule's room from which on a priority waits outside."""


@dataclass(frozen=True, slots=True)
class Room:
    """``scheduled``: items that may be in the schedule. ``kept``: items that may be kept in all, those outside among them.
    ``critical_rate``: critical items a second that one tenant may have scheduled as critical; more wait outside."""

    scheduled: int = 100_000
    kept: int = 10_000_000
    critical_rate: float = 500.0


@dataclass(slots=True)
class Doorkeeper:
    """Decides item by item, by what waits now. Instants are UTC microseconds. For one thread."""

    room: Room
    _buckets: dict[str, tuple[float, int]] = field(default_factory=dict)

    def decide(self, priority: Priority, tenant: str, now: int, *, scheduled: int, kept: int) -> Admission:
        """``scheduled`` and ``kept``: how many are there before this one."""
        if kept >= self.room.kept:
            return Admission.REFUSED
        if scheduled >= self.room.scheduled * FULL[priority]:
            return Admission.PARKED
        if priority is Priority.CRITICAL and not self._within_rate(tenant, now):
            return Admission.PARKED
        return Admission.ADMITTED

    def _within_rate(self, tenant: str, now: int) -> bool:
        """A bucket that holds a second's worth."""
        rate = self.room.critical_rate
        tokens, since = self._buckets.get(tenant, (rate, now))
        tokens = min(rate, tokens + max(0, now - since) * rate / 1e6)
        held = tokens >= 1.0
        self._buckets[tenant] = (tokens - held, max(now, since))
        return held
