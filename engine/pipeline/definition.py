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
