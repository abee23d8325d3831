"""What every provider's webhook is, and what they have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from engine.delivery.feedback.events import FeedbackEvent, Kind
from engine.delivery.feedback.rules import BounceRules
from engine.delivery.identity import KEY_BYTES

SECOND = 1_000_000
TOLERANCE = 300 * SECOND  # what clocks and queues may differ by; Svix, which Resend signs with, takes five minutes too
_KEY = re.compile(r"(?:v1-)?([0-9a-f]{32})", re.IGNORECASE)


class ForgedError(Exception):
    """Who speaks is not who they say, or said it too long ago."""


class MalformedError(Exception):
    """A genuine request that cannot be understood."""


class Webhook(Protocol):
    """One provider's webhook."""

    name: str

    def read(self, headers: Mapping[str, str], body: bytes, now: int) -> Sequence[FeedbackEvent]:
        """The events of a request. ``headers`` have names in lower case, ``now`` is UTC microseconds.

        Raises ForgedError before anything of an unverified body is believed, MalformedError for one that is not as documented.
        """


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as fault:
        raise MalformedError("the body is not JSON") from fault


def mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object. Raises MalformedError for anything else."""
    if not isinstance(value, Mapping):
        raise MalformedError("an object is missing")
    return value


def rows(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a JSON list; nothing for anything else."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def text(value: Any, most: int = 1_000) -> str:
    return str(value)[:most] if isinstance(value, (str, int, float)) else ""


def delivery_key(*values: Any) -> bytes | None:
    """The delivery key that we gave a message on its way, in hexadecimal, or None."""
    for value in values:
        found = _KEY.fullmatch(text(value))
        if found:
            return bytes.fromhex(found[1])[:KEY_BYTES]
    return None


def instant(value: Any, otherwise: int) -> int:
    """ISO 8601 or seconds since 1970, as UTC microseconds; never after ``otherwise``, which is now."""
    try:
        if isinstance(value, (int, float)):
            return min(int(value * SECOND), otherwise)
        moment = datetime.fromisoformat(text(value).replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        return otherwise
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(int(moment.timestamp() * SECOND), otherwise)


def require_recent(at: int, now: int, tolerance: int = TOLERANCE) -> None:
    if abs(now - at) > tolerance:
        raise ForgedError("the signature is too old, or of the future")


def judged(rules: BounceRules, diagnostic: str, status: str, told: Kind) -> tuple[Kind, str, str]:
    """Kind, status and reason of a bounce: our rules', where they know it, else what the provider says of it."""
    verdict = rules.classify(diagnostic, status)
    if verdict.certain:
        return verdict.kind, verdict.status, verdict.reason
    return told, verdict.status or status, "as the provider says"
