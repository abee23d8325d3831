"""What an event means for mailing its recipient again. Only what is listed here suppresses anybody."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.delivery.feedback.events import Kind

SOFT_BOUNCES = 3
SOFT_WINDOW = 14 * 86_400 * 1_000_000  # microseconds


class Scope(StrEnum):
    """Where somebody is no longer mailed."""

    LIST = "list"  # on the list that the message was for
    EVERYWHERE = "everywhere"


class Cause(StrEnum):
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    scope: Scope
    cause: Cause


def consequence(kind: Kind, soft_bounces: int = 0) -> Withdrawal | None:
    """Whether an event of this kind withdraws its recipient. ``soft_bounces`` counts those in the window, this one among them.

    A dead address and a complaint count everywhere and at once, a withdrawal on its list, a full mailbox after the third message
    within 14 days. What a receiver has against the sender or the content is never held against the person.
    """
    if kind is Kind.UNSUBSCRIBE:
        return Withdrawal(Scope.LIST, Cause.UNSUBSCRIBED)
    if kind is Kind.COMPLAINT:
        return Withdrawal(Scope.EVERYWHERE, Cause.COMPLAINED)
    if kind is Kind.HARD or (kind is Kind.SOFT and soft_bounces >= SOFT_BOUNCES):
        return Withdrawal(Scope.EVERYWHERE, Cause.BOUNCED)
    return None
