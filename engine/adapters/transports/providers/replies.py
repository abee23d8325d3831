"""What statuses mean, the same for all interfaces where they say nothing more.

A status is about the message only if it can be: where address, credentials or account are wrong, all messages would be refused
for good, one after the other, for something that can be put right. Then the transport as a whole is at fault, and no message.
"""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime
from typing import Any, Final

from engine.adapters.transports.providers.provider import Reply, Verdict
from engine.delivery.message import Outcome, OutcomeClass
from engine.errors import RefusedError

DOUBTFUL: Final = frozenset({502, 504})
"""A gateway lost the answer of what is behind it (RFC 9110 sections 15.6.3 and 15.6.5)."""

ABOUT_THE_MESSAGE: Final = frozenset({400, 413, 422})
_ABOUT_US: Final = frozenset({401, 403, 407})
_NOT_NOW: Final = frozenset({408, 425, 429})
_MEANINGS: Final = {
    400: "the interface does not take the message",
    408: "the interface waited for too long",
    413: "larger than the interface takes",
    422: "the interface does not take the message",
    429: "too many requests",
    500: "a fault of the interface",
    503: "the interface is not available",
}
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9<][A-Za-z0-9@<>._+=:/-]{0,99}")

TOO_LARGE: Final = Outcome(OutcomeClass.REJECTED, 413, "5.3.4", _MEANINGS[413])


def verdict_of(name: str, reply: Reply, detail: str = "") -> Verdict:
    """What a status says of a message, or of us; ``detail`` holds no address."""
    status = reply.status
    detail = detail or _MEANINGS.get(status, "")
    if 200 <= status < 300:
        return Outcome(OutcomeClass.ACCEPTED, status, detail=detail or "accepted")
    if status in _NOT_NOW or status >= 500:
        return Outcome(OutcomeClass.DEFERRED, status, detail=detail or "temporary failure")
    if status in ABOUT_THE_MESSAGE:
        return Outcome(OutcomeClass.REJECTED, status, detail=detail)
    if status in _ABOUT_US:
        return RefusedError.single(
            "MR753",
            f"{name} refuses these credentials ({_said(status, detail)})",
            help="look at `delivery.credentials` and at what they may do; then `mailray resume`: nothing is lost",
        )
    return refused(name, _said(status, detail))


def refused(name: str, reason: str) -> RefusedError:
    """The error for an interface that takes no message of this account or at this address; ``reason`` holds no address."""
    return RefusedError.single(
        "MR754",
        f"{name} takes no messages: {reason}",
        help="put it right there, then `mailray resume`: nothing is lost",
    )


def _said(status: int, detail: str) -> str:
    return f"{status}, {detail}" if detail else str(status)


def json_of(reply: Reply) -> Any:
    """The body's JSON, or None when it is none."""
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return None


def name_in(value: object) -> str:
    """The value if it is a name, such as an error's kind; else empty: other texts may hold addresses."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else ""


def identifier_in(value: object) -> str | None:
    """The value if it can be a message's name at the provider."""
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def retry_after(reply: Reply, now: float) -> float | None:
    """Seconds to wait, by Retry-After (RFC 9110 section 10.2.3) or the limit's reset; ``now`` is seconds of the Unix epoch."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    if value:
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - now)
        except (ValueError, OverflowError):
            return None
    reset = reply.headers.get("x-ratelimit-reset", "").strip()
    return max(0.0, float(reset) - now) if reset.isascii() and reset.isdigit() else None
