"""Postmark: https://postmarkapp.com/developer/webhooks/webhooks-overview

Postmark does not sign; it sends the name and password that its webhook's address holds (RFC 7617). Its requests bear no time that
is vouched for, so an event is known again by its id alone.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from engine.delivery.feedback.events import FeedbackEvent, Kind
from engine.delivery.feedback.rules import BounceRules
from engine.delivery.feedback.webhooks.contract import ForgedError, delivery_key, instant, judged, mapping, parsed, text

# https://postmarkapp.com/developer/api/bounce-api#bounce-types; a type that is not here says nothing of the person.
_HARD = frozenset({"HardBounce", "BadEmailAddress", "ManuallyDeactivated"})
_SOFT = frozenset(
    {"Transient", "SoftBounce", "DnsError", "AutoResponder", "ChallengeVerification", "OpenRelayTest", "Unknown"}
)
_WITHDRAWALS = {"ManualSuppression": Kind.UNSUBSCRIBE, "HardBounce": Kind.HARD, "SpamComplaint": Kind.COMPLAINT}
_PLAIN = {"Delivery": Kind.DELIVERED, "Open": Kind.OPEN, "Click": Kind.CLICK, "SpamComplaint": Kind.COMPLAINT}


class PostmarkWebhook:
    """``secret`` is ``name:password``."""

    name = "postmark"

    def __init__(self, secret: bytes, rules: BounceRules) -> None:
        self._secret = secret
        self._rules = rules

    def read(self, headers: Mapping[str, str], body: bytes, now: int) -> Sequence[FeedbackEvent]:
        self._verify(headers.get("authorization", ""))
        event = mapping(parsed(body))
        kind, status, detail = self._meaning(event)
        address = text(event.get("Email") or event.get("Recipient"))
        at = text(
            event.get("BouncedAt") or event.get("DeliveredAt") or event.get("ReceivedAt") or event.get("ChangedAt")
        )
        record = text(event.get("RecordType"))
        what = text(event.get("ID")) or f"{text(event.get('MessageID'))}:{at}:{address}"
        metadata = event.get("Metadata")
        return [
            FeedbackEvent(
                id=f"postmark:{record}:{what}",
                kind=kind,
                at=instant(at, now),
                source=self.name,
                key=delivery_key(metadata.get("delivery-key")) if isinstance(metadata, Mapping) else None,
                address=address or None,
                status=status,
                detail=detail,
            )
        ]

    def _verify(self, authorization: str) -> None:
        scheme, _, credentials = authorization.partition(" ")
        try:
            given = b64decode(credentials, validate=True)
        except (binascii.Error, ValueError):
            given = b""
        if scheme.lower() != "basic" or not hmac.compare_digest(given, self._secret):
            raise ForgedError("no or wrong credentials")

    def _meaning(self, event: Mapping[str, Any]) -> tuple[Kind, str, str]:
        record = text(event.get("RecordType"))
        if record == "Bounce":
            kind = text(event.get("Type"))
            if kind == "SpamComplaint":
                return Kind.COMPLAINT, "", "abuse"
            if kind == "Unsubscribe":
                return Kind.UNSUBSCRIBE, "", ""
            if kind == "AutoResponder":
                return Kind.AUTO_REPLY, "", ""
            told = Kind.HARD if kind in _HARD else Kind.SOFT if kind in _SOFT else Kind.POLICY
            return judged(self._rules, f"{text(event.get('Details'), 4_000)}", "", told)
        if record == "SubscriptionChange":
            stopped = event.get("SuppressSending") is True
            reason = text(event.get("SuppressionReason"))
            return (_WITHDRAWALS.get(reason, Kind.OTHER) if stopped else Kind.OTHER), "", ""
        detail = text(event.get("OriginalLink"), 2_000) if record == "Click" else ""
        return _PLAIN.get(record, Kind.OTHER), "", detail
