"""What waits, as columns, and the contract of whatever keeps it until it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa

from engine.campaign.schema import Priority

ITEMS = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),  # its sender's; with the tenant it names the item
        pa.field("tenant", pa.string(), nullable=False),
        pa.field("workflow", pa.string(), nullable=False),
        pa.field("priority", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("arrived", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("payload", pa.string()),  # a JSON object
    ]
)
"""One row an item: something that happened to a person, for one workflow."""

TAKEN = ITEMS.append(pa.field("ticket", pa.string(), nullable=False))
"""ITEMS, each with the queue's own name for it."""


class Queue(Protocol):
    """Items that wait, each workflow's by themselves and in the order in which they came: whoever has much waiting hides nobody else's.

    At least once: what was put is taken by somebody until it is done, and comes again when its taker is silent for too long. That
    nothing follows twice from it is for the ledger and the executions' names. Every method may block, and may be called from any
    thread and by several processes at once. Raises TryAgainError when the queue cannot be reached, read or written now, InputError
    when it is damaged or of a newer version.
    """

    def put(self, items: pa.RecordBatch) -> int:
        """Keep items; durable when it returns, all or none. One that is there, taken or not, is left out. Gives how many are new."""

    def take(self, tenant: str, workflow: str, most: int, lapse: float) -> pa.RecordBatch:
        """At most so many items, as TAKEN, that nobody has taken or held in the last ``lapse`` seconds: first those that somebody had
        taken, then those that nobody has, each in the order in which they came."""

    def hold(self, tickets: Sequence[str]) -> None:
        """They are still being worked on: as if they were taken now."""

    def done(self, tickets: Sequence[str]) -> int:
        """They need nothing more, whoever holds them now; gives how many were there."""

    def depths(self, tenant: str) -> dict[Priority, int]:
        """How many are there, taken or not."""

    def close(self) -> None:
        """Let go of files and connections."""
