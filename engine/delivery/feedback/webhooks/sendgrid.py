"""SendGrid: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features

The signature is ECDSA with SHA-256 over the timestamp and the raw body; the key is the public one that the console shows.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from engine.delivery.feedback.events import FeedbackEvent, Kind
from engine.delivery.feedback.rules import BounceRules
from engine.delivery.feedback.webhooks.contract import (
    SECOND,
    ForgedError,
    MalformedError,
    delivery_key,
    instant,
    judged,
    parsed,
    require_recent,
    rows,
    text,
)

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_KINDS = {"delivered": Kind.DELIVERED, "deferred": Kind.DELAYED, "open": Kind.OPEN, "click": Kind.CLICK,
          "spamreport": Kind.COMPLAINT, "unsubscribe": Kind.UNSUBSCRIBE, "group_unsubscribe": Kind.UNSUBSCRIBE}  # fmt: skip
# Why SendGrid dropped a message without sending it. https://www.twilio.com/docs/sendgrid/ui/analytics-and-reporting/bounce-and-block-classifications
_DROPPED = {"bounced address": Kind.HARD, "invalid": Kind.HARD, "unsubscribed address": Kind.UNSUBSCRIBE,
            "spam reporting address": Kind.COMPLAINT}  # fmt: skip


class SendGridWebhook:
    """``secret`` is the public key, DER in base64. Raises ValueError when it is none."""

    name = "sendgrid"

    def __init__(self, secret: bytes, rules: BounceRules) -> None:
        try:
            key = load_der_public_key(b64decode(secret, validate=True))
        except (binascii.Error, ValueError) as fault:
            raise ValueError("the verification key is no public key in base64") from fault
        if not isinstance(key, EllipticCurvePublicKey):
            raise ValueError("the verification key is not one of ECDSA")
        self._key = key
        self._rules = rules

    def read(self, headers: Mapping[str, str], body: bytes, now: int) -> Sequence[FeedbackEvent]:
        self._verify(headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, ""), body, now)
        found = parsed(body)
        if not isinstance(found, list):
            raise MalformedError("a list of events is expected")
        return [self._event(each, now) for each in rows(found)]

    def _verify(self, signature: str, timestamp: str, body: bytes, now: int) -> None:
        try:
            raw = b64decode(signature, validate=True)
            self._key.verify(raw, timestamp.encode() + body, ECDSA(SHA256()))
            at = int(timestamp)
        except (binascii.Error, ValueError, InvalidSignature):
            raise ForgedError("no or wrong signature") from None
        require_recent(at * SECOND, now)

    def _event(self, row: Mapping[str, Any], now: int) -> FeedbackEvent:
        kind, status, detail = self._meaning(row)
        what = text(row.get("sg_event_id")) or ":".join(
            text(row.get(name)) for name in ("sg_message_id", "event", "timestamp", "email")
        )
        return FeedbackEvent(
            id=f"sendgrid:{what}",
            kind=kind,
            at=instant(row.get("timestamp"), now),
            source=self.name,
            key=delivery_key(row.get("delivery-key")),
            address=text(row.get("email")) or None,
            status=status,
            detail=detail,
        )

    def _meaning(self, row: Mapping[str, Any]) -> tuple[Kind, str, str]:
        event, reason = text(row.get("event")), text(row.get("reason"), 4_000)
        if event == "bounce":
            told = Kind.POLICY if row.get("type") == "blocked" else Kind.SOFT
            return judged(self._rules, reason, text(row.get("status")), told)
        if event == "dropped":
            return _DROPPED.get(reason.lower(), Kind.OTHER), "", "dropped by the provider"
        return _KINDS.get(event, Kind.OTHER), "", text(row.get("url"), 2_000) if event == "click" else ""
