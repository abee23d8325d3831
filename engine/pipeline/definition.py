"""What a plan is made from, and the names of its columns. Whoever delivers needs these and nothing that plans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from engine.campaign.schema import Campaign

TENANT = "default"
FIELD = "field:"  # an outbox column that a template reads
SEGMENT = "segment:"
ZONE = "timezone"  # of the recipient, where the campaign asks for the time there
EXECUTION = "execution"  # of a workflow that people enter one by one: the one that sends the message
_CLOCK = b"mailray.clock"


@dataclass(frozen=True, slots=True)
class PlanDefinition:
    """All that a plan depends on besides the rows; travels to workers. ``fields`` are the columns that templates read, in order."""

    campaign: Campaign
    audience: pa.Schema
    fields: tuple[str, ...]
    now: datetime

    @property
    def occurrence(self) -> str:
        """Which passage of the campaign this is: one a day, so that a second start on one day cannot make a second message."""
        return self.now.date().isoformat()


def with_clock(outbox: pa.RecordBatch, at: int) -> pa.RecordBatch:
    """The outbox of a partition that was planned at an instant of its own (UTC microseconds), and not at the run's."""
    return outbox.replace_schema_metadata({**(outbox.schema.metadata or {}), _CLOCK: str(at).encode()})


def clock_of(outbox: pa.Schema) -> int | None:
    """The instant at which a partition was planned by itself (UTC microseconds); None where the clock is the run's."""
    written = (outbox.metadata or {}).get(_CLOCK)
    return None if written is None else int(written)
