"""Resend: https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests

Signed by Svix: HMAC-SHA256 over id, timestamp and the raw body; several signatures may be given while a secret is changed.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from engine.delivery.feedback.events import FeedbackEvent, Kind
from engine.delivery.feedback.rules import BounceRules
from engine.delivery.feedback.webhooks.contract import (
    SECOND,
    ForgedError,
    delivery_key,
    instant,
    judged,
    mapping,
    parsed,
    require_recent,
    rows,
    text,
)

_KINDS = {"email.delivered": Kind.DELIVERED, "email.delivery_delayed": Kind.DELAYED, "email.complained": Kind.COMPLAINT,
          "email.opened": Kind.OPEN, "email.clicked": Kind.CLICK}  # fmt: skip


class ResendWebhook:
    """``secret`` is ``whsec_`` and base64. Raises ValueError when it is not."""

    name = "resend"

    def __init__(self, secret: bytes, rules: BounceRules) -> None:
        try:
            self._secret = b64decode(secret.removeprefix(b"whsec_"), validate=True)
        except (binascii.Error, ValueError) as fault:
            raise ValueError("the signing secret is not `whsec_` and base64") from fault
        self._rules = rules

    def read(self, headers: Mapping[str, str], body: bytes, now: int) -> Sequence[FeedbackEvent]:
        identity = headers.get("svix-id", "")
        self._verify(identity, headers.get("svix-timestamp", ""), headers.get("svix-signature", ""), body, now)
        event = mapping(parsed(body))
        told = mapping(event.get("data", {}))
        kind, status, detail = self._meaning(text(event.get("type")), told)
        to = told.get("to")
        addresses = [text(each) for each in to] if isinstance(to, list) else [text(to)]
        return [
            FeedbackEvent(
                id=f"resend:{identity}:{number}",
                kind=kind,
                at=instant(event.get("created_at"), now),
                source=self.name,
                key=_key(told.get("tags")),
                address=address or None,
                status=status,
                detail=detail,
            )
            for number, address in enumerate(addresses)
        ]

    def _verify(self, identity: str, timestamp: str, signatures: str, body: bytes, now: int) -> None:
        signed = f"{identity}.{timestamp}.".encode() + body
        expected = b64encode(hmac.digest(self._secret, signed, "sha256"))
        given = [each[3:].encode() for each in signatures.split() if each.startswith("v1,")]
        if not any(hmac.compare_digest(expected, each) for each in given):
            raise ForgedError("no or wrong signature")
        if not timestamp.isdecimal() or len(timestamp) > 12:
            raise ForgedError("no timestamp")
        require_recent(int(timestamp) * SECOND, now)

    def _meaning(self, kind: str, told: Mapping[str, Any]) -> tuple[Kind, str, str]:
        if kind == "email.bounced":
            bounce = told.get("bounce")
            bounce = bounce if isinstance(bounce, Mapping) else {}
            permanent = text(bounce.get("type")) == "Permanent"
            return judged(self._rules, text(bounce.get("message"), 4_000), "", Kind.HARD if permanent else Kind.SOFT)
        click = told.get("click")
        detail = text(click.get("link"), 2_000) if isinstance(click, Mapping) else ""
        return _KINDS.get(kind, Kind.OTHER), "", detail


def _key(tags: Any) -> bytes | None:
    """Tags come as an object, or as a list of names and values."""
    if isinstance(tags, Mapping):
        return delivery_key(tags.get("delivery-key"))
    return delivery_key(*(each.get("value") for each in rows(tags) if each.get("name") == "delivery-key"))
