"""What Amazon SES says of a message, whether it comes over HTTP or as a mail.

https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from engine.delivery.feedback.events import Kind
from engine.delivery.feedback.mail import addresses, header, parts, text_of
from engine.delivery.feedback.rules import BounceRules
from engine.delivery.feedback.webhooks.contract import judged, rows, text

_PLAIN = {
    "Delivery": Kind.DELIVERED,
    "DeliveryDelay": Kind.DELAYED,
    "Open": Kind.OPEN,
    "Click": Kind.CLICK,
    "Subscription": Kind.UNSUBSCRIBE,
}
_NOT_THE_PERSON = frozenset({"ContentRejected", "AttachmentRejected", "MessageTooLarge"})
_SENDER = re.compile(r"@(?:[a-z0-9-]+\.)*sns\.amazonaws\.com$", re.IGNORECASE)
_FOLDED = re.compile(r"!\n[ \t]")  # where a mail system cut a line that was longer than 990 characters


@dataclass(frozen=True, slots=True)
class SesMeaning:
    """What a notice says of one recipient; ``detail`` is a reason in our words, or the link that was followed."""

    address: str
    kind: Kind
    status: str = ""
    detail: str = ""


def kind_of(notice: Mapping[str, Any]) -> str:
    return text(notice.get("eventType") or notice.get("notificationType"))


def detail_of(notice: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object that is named like the notice's kind."""
    kind = kind_of(notice)
    detail = notice.get(kind[:1].lower() + kind[1:])
    return detail if isinstance(detail, Mapping) else {}


def mail_of(notice: Mapping[str, Any]) -> Mapping[str, Any]:
    mail = notice.get("mail")
    return mail if isinstance(mail, Mapping) else {}


def meanings(notice: Mapping[str, Any], rules: BounceRules) -> Iterator[SesMeaning]:
    """What a notice says, a recipient each."""
    kind, detail = kind_of(notice), detail_of(notice)
    if kind == "Bounce":
        for each in rows(detail.get("bouncedRecipients")):
            yield SesMeaning(text(each.get("emailAddress")), *_bounce(detail, each, rules))
    elif kind == "Complaint":
        abuse = text(detail.get("complaintFeedbackType")) or "abuse"
        for each in rows(detail.get("complainedRecipients")):
            meaning = Kind.OTHER if abuse == "not-spam" else Kind.COMPLAINT
            yield SesMeaning(text(each.get("emailAddress")), meaning, "", abuse[:40])
    else:
        link = text(detail.get("link"), 2_000) if kind == "Click" else ""
        destination = mail_of(notice).get("destination")
        for address in destination if isinstance(destination, list) else []:
            yield SesMeaning(text(address), _PLAIN.get(kind, Kind.OTHER), "", link)


def notice_in(message: Message) -> Mapping[str, Any] | None:
    """The notice in a mail from SNS (its protocols ``email`` and ``email-json``), or None for any other mail."""
    if not any(_SENDER.search(each) for each in addresses(header(message, "From"))):
        return None
    for part in parts(message):
        if part.get_content_type() == "text/plain":
            found = _object(_FOLDED.sub("", text_of(part)))
            inner = None if found is None else found.get("Message")
            found = _object(inner) if isinstance(inner, str) else found
            return found if found is not None and kind_of(found) else None
    return None


def _bounce(detail: Mapping[str, Any], recipient: Mapping[str, Any], rules: BounceRules) -> tuple[Kind, str, str]:
    kind, sub = text(detail.get("bounceType")), text(detail.get("bounceSubType"))
    told = Kind.POLICY if sub in _NOT_THE_PERSON else Kind.HARD if kind == "Permanent" else Kind.SOFT
    return judged(rules, text(recipient.get("diagnosticCode"), 4_000), text(recipient.get("status")), told)


def _object(told: str) -> Mapping[str, Any] | None:
    """The JSON object in a text, whatever stands before and after it."""
    start = told.find("{")
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(told, start) if start >= 0 else (None, 0)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) else None
