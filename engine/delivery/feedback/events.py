"""What came back, in the project's own words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a feedback event says."""

    UNSUBSCRIBE = "unsubscribe"  # the recipient withdrew
    COMPLAINT = "complaint"  # the recipient called it spam
    HARD = "hard"  # the address is dead
    SOFT = "soft"  # the mailbox cannot take the message now
    POLICY = "policy"  # the receiver refuses the sender or the content; it says nothing of the person
    DELAYED = "delayed"  # nothing is final yet
    DELIVERED = "delivered"
    AUTO_REPLY = "auto-reply"
    OPEN = "open"
    CLICK = "click"
    OTHER = "other"  # none of these


@dataclass(frozen=True, slots=True)
class FeedbackEvent:
    """One thing that came back.

    ``id`` is the same when the same thing is told again; ``at`` is UTC microseconds; ``source`` names who told it (``one-click``,
    ``mail``, a provider). ``key`` is the message's delivery key where it is known, ``address`` the recipient's where it is.
    ``status`` is an enhanced status code (RFC 3463) or empty, ``detail`` a reason in our words or a link's address: never
    a server's own text, which may hold addresses.
    """

    id: str
    kind: Kind
    at: int
    source: str
    key: bytes | None = None
    address: str | None = None
    campaign: str | None = None
    status: str = ""
    detail: str = ""
