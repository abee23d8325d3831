"""What a simulation is made from, and how its time is cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from engine.campaign.schema import Campaign

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
SLICE = 6 * 3_600 * SECOND
"""Microseconds. What a person's attributes and segments are is seen anew at the beginning of each slice."""
DUPLICATE, SUPPRESSED = ":duplicate", ":suppressed"
"""Columns beside those of the audience; no column of an audience has a colon first."""

EVENTS = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("properties", pa.string()),
    ]
)
"""One row an event of the period, in the order in which they were told."""

Told = Callable[[int], None]
"""Hears how many microseconds of the period have been simulated for all people of a partition."""


@dataclass(frozen=True, slots=True)
class SimulatedWorkflow:
    """A workflow, and the columns of its audience that it reads."""

    campaign: Campaign
    audience: pa.Schema

    @property
    def people(self) -> pa.Schema:
        """The columns in which people are given: the audience's and the marks."""
        return pa.schema([*self.audience, (DUPLICATE, pa.bool_()), (SUPPRESSED, pa.bool_())])


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """All that a simulation depends on besides people and events; travels to processes.

    ``start`` and ``end`` are UTC microseconds, a whole number of days apart; ``zone`` is the one in whose days and hours is counted.
    """

    workflows: tuple[SimulatedWorkflow, ...]
    start: int
    end: int
    zone: str

    @property
    def days(self) -> int:
        return (self.end - self.start) // DAY
