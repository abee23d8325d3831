"""A message as it goes on the wire, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Message:
    """One message, materialised.

    ``index`` is its row in the outbox partition and ``key`` its delivery key (16 bytes). ``content`` is headers and body, ready for DATA:
    CRLF line ends only, no line beginning with a dot, no line over 998 octets, CRLF at the end, without the final dot.
    """

    index: int
    key: bytes
    sender: str
    recipient: str
    content: bytes | memoryview


class OutcomeClass(StrEnum):
    ACCEPTED = "accepted"  # 2xx after the final dot
    DEFERRED = "deferred"  # definitely not accepted, worth another try
    REJECTED = "rejected"  # definitely not accepted, for good
    UNKNOWN = "unknown"  # the final dot may have been seen, no reply was


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a transport says of one message. ``code`` is the SMTP or HTTP status, ``enhanced`` RFC 3463's (``5.1.1``).

    ``detail`` is a short reason in words that holds no address.
    """

    outcome: OutcomeClass
    code: int | None = None
    enhanced: str | None = None
    detail: str = ""
    remote_id: str | None = None
