"""Feedback reports (ARF, RFC 5965): a recipient, or a filter, said something of a message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message

from engine.delivery.feedback.events import Kind
from engine.delivery.feedback.mail import addresses, header, parse, parts, text_of

# RFC 5965 section 7.3 and RFC 6430; opt-out is of the registry's first edition and still sent.
_KINDS = {"abuse": Kind.COMPLAINT, "fraud": Kind.COMPLAINT, "complaint": Kind.COMPLAINT, "miscategorized": Kind.COMPLAINT,
          "opt-out": Kind.UNSUBSCRIBE, "opt-out-list": Kind.UNSUBSCRIBE, "virus": Kind.POLICY, "auth-failure": Kind.POLICY,
          "dmarc": Kind.POLICY, "not-spam": Kind.OTHER, "other": Kind.OTHER}  # fmt: skip
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*(?:\n[ \t]+.*)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Complaint:
    """A report; its kind is OTHER when it says nothing that we act on."""

    kind: Kind
    recipients: list[str]
    reason: str


def read_complaint(message: Message) -> Complaint | None:
    """The report that a mail is, or None."""
    for part in parts(message):
        if part.get_content_type() == "message/feedback-report":
            return _of_report(message, _fields(part))
    return _of_microsoft(message)


def _of_report(message: Message, fields: Mapping[str, list[str]]) -> Complaint:
    kind = (fields.get("feedback-type") or ["abuse"])[0].strip().lower()
    told = [
        address
        for name in ("original-rcpt-to", "removal-recipient")
        for text in fields.get(name, [])
        for address in addresses(text)
    ]
    return Complaint(_KINDS.get(kind, Kind.OTHER), told or _original_recipients(message), kind[:40])


def _of_microsoft(message: Message) -> Complaint | None:
    """Microsoft's junk reports are the message itself, its recipient in a header of their own."""
    for part in parts(message):
        told = addresses(header(part, "X-HmXmrOriginalRecipient"))
        if told and "staff@hotmail.com" in header(message, "From").lower():
            return Complaint(Kind.COMPLAINT, told, "abuse")
    return None


def _fields(part: Message) -> dict[str, list[str]]:
    payload = part.get_payload()
    text = "\n".join(str(each) for each in payload) if isinstance(payload, list) else text_of(part)
    found: dict[str, list[str]] = {}
    for name, value in _FIELD.findall(text.replace("\r\n", "\n")):
        found.setdefault(name.lower(), []).append(value)
    return found


def _original_recipients(message: Message) -> list[str]:
    """Where the report itself keeps silent, the returned message tells."""
    for part in parts(message):
        if part is message:
            continue
        kind = part.get_content_type()
        original = parse(text_of(part).lstrip().encode()) if kind == "text/rfc822-headers" else part
        told = addresses(header(original, "X-HmXmrOriginalRecipient") or header(original, "To"))
        if told:
            return told[:1]
    return []
