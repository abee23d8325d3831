"""What feedback needs of the world: the messages that were planned, a place for events, and somebody who acts on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.delivery.feedback.events import FeedbackEvent


@dataclass(frozen=True, slots=True)
class Delivery:
    """A planned message, found again by its delivery key. ``list`` is the one its campaign mails, empty for none of its own."""

    key: bytes
    run: str
    campaign: str
    list: str
    recipient: str
    address: str


class Deliveries(Protocol):
    """The messages of all runs. May block; may be called from any thread."""

    def find(self, key: bytes) -> Delivery | None:
        """The message with a delivery key, or None."""

    def find_message_id(self, left: str) -> Delivery | None:
        """The message with a Message-ID, by its left side, or None."""


class EventLog(Protocol):
    """Where events are kept. May block; may be called from any thread. Raises TryAgainError (MR671), InputError (MR672)."""

    def append(self, events: Sequence[FeedbackEvent]) -> int:
        """Keep events, all or none; durable when it returns. One whose id is known is not kept again. Gives how many are new."""

    def known(self, ids: Collection[str]) -> set[str]:
        """Which of these ids are kept already."""

    def soft_bounces(self, addresses: Collection[str], since: int) -> dict[str, int]:
        """For each address (in normal form) how many different messages bounced softly from an instant (UTC microseconds) on."""

    def counts(self) -> dict[tuple[str, str], int]:
        """Events by kind and source."""

    def first_of(self, keys: Collection[bytes]) -> dict[bytes, tuple[str, str]]:
        """Kind and source of the first event of each message that has one, by delivery key."""

    def close(self) -> None:
        """Let go of files and connections."""


class FeedbackIntake(Protocol):
    """Who acts on events: withdraws addresses and keeps the events."""

    def take(self, events: Sequence[FeedbackEvent]) -> int:
        """Act on events; all is durable when it returns. Gives how many are new. Raises what the stores raise; then ask again."""
