"""Which recipient meets which fault."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from hashlib import blake2b

from engine.adapters.inbox.settings import Faults


class Fault(StrEnum):
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    CLOSING = "closing"
    DROP_BEFORE_DOT = "drop_before_dot"
    DROP_AFTER_DOT = "drop_after_dot"
    DELAY = "delay"
    TRICKLE = "trickle"


def fault_of(recipient: str, faults: Faults) -> Fault | None:
    """The recipient's fault: a pure function of seed and address (in lower case)."""
    key = faults.seed.to_bytes(8, "big", signed=True)
    drawn = int.from_bytes(blake2b(recipient.lower().encode(), key=key, digest_size=8).digest(), "big") / 2**64
    for fault in Fault:
        drawn -= getattr(faults, fault)
        if drawn < 0:
            return fault
    return None


def draw(faults: Faults) -> Callable[[str], Fault | None]:
    """The faults as they are met: a permanent one each time, any other once."""
    if not any(getattr(faults, fault) for fault in Fault):
        return lambda _recipient: None
    met: set[str] = set()

    def meet(recipient: str) -> Fault | None:
        fault = fault_of(recipient, faults)
        if fault is None or fault is Fault.PERMANENT:
            return fault
        if recipient.lower() in met:
            return None
        met.add(recipient.lower())
        return fault

    return meet
