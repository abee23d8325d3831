"""What interfaces that write messages themselves have in common: they are told parts, in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from engine.adapters.transports.providers.parts import Parts, PartsError, parts_of
from engine.adapters.transports.providers.provider import Prepared
from engine.delivery.message import Message, Outcome, OutcomeClass


def prepare(message: Message, write: Callable[[Parts, Message], dict[str, Any]]) -> Prepared | Outcome:
    """The message as ``write`` tells it; keys whose value is None are left out."""
    try:
        told = write(parts_of(message), message)
    except PartsError as fault:
        return Outcome(OutcomeClass.REJECTED, 415, "5.6.1", f"cannot be taken apart: {fault}")
    return Prepared(message, _json({key: value for key, value in told.items() if value is not None}))


def listed(prepared: Sequence[Prepared]) -> bytes:
    """A JSON list of the messages."""
    return b"[" + b",".join([each.payload for each in prepared]) + b"]"


def unreadable(count: int, status: int) -> list[Outcome]:
    """The outcomes of messages when a reply that should tell of each does not."""
    return [Outcome(OutcomeClass.UNKNOWN, status, detail="the reply is not one")] * count


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
