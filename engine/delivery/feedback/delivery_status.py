"""Delivery status notifications (RFC 3464)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message

from engine.delivery.feedback.mail import ADDRESS, addresses, header, parts, text_of

ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")  # RFC 3464 section 2.3.3
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)")
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_SESSION = re.compile(r"^(>>> .*)\n<<< (.*)$", re.MULTILINE)
_RECIPIENTS = ("final-recipient", "original-recipient", "x-actual-recipient", "x-failed-recipient")


@dataclass(frozen=True, slots=True)
class Failure:
    """What was told of one recipient: ``diagnostic`` is the server's answer, ``said`` what the text says of this one,
    ``context`` the text of the mail as a whole.

    ``transcript`` is the part of the session in which it was refused. ``address`` is the final recipient, ``original`` the
    one that was mailed where that is told too (section 2.3.1).
    """

    address: str
    action: str = "failed"
    status: str = ""
    diagnostic: str = ""
    said: str = ""
    context: str = ""
    original: str = ""
    transcript: str = ""


def read_delivery_status(message: Message, *, in_text: bool = False) -> list[Failure] | None:
    """The recipients of a notification, or None for a mail that is none. A recipient that is named twice counts once.

    ``in_text`` takes a notification's fields from plain text too, as those find it who lost its structure on the way.
    """
    told = [block for part in parts(message) if _is_status(part) for block in _blocks(part) if _names_somebody(block)]
    if not told and in_text:
        texts = [part for part in parts(message) if isinstance(part.get_payload(), str)]
        told = [block for part in texts for block in _blocks(part) if "final-recipient" in block]
    if not told:
        return None
    context = _human_text(message)
    failures = [_failure(block, context, message) for block in told]
    return list({(each.address.lower(), each.status, each.diagnostic): each for each in failures}.values())


def _names_somebody(block: Mapping[str, str]) -> bool:
    return any(name in block for name in _RECIPIENTS)


def _is_status(part: Message) -> bool:
    return part.get_content_type() in ("message/delivery-status", "message/global-delivery-status")


def _blocks(part: Message) -> Iterator[Mapping[str, str]]:
    """Groups of fields. Python's parser makes them messages; some systems send them as one text."""
    payload = part.get_payload()
    texts = (
        [_raw_fields(each) for each in payload if isinstance(each, Message)]
        if isinstance(payload, list)
        else [text_of(part)]
    )
    for block in re.split(r"\n[ \t]*\n", "\n\n".join(texts).replace("\r\n", "\n")):
        found: dict[str, str] = {}
        name = ""
        for line in block.split("\n"):
            field = _FIELD.match(line)
            if field and not line.startswith((" ", "\t")):
                name = field[1].lower()
                if name == "final-recipient" and name in found:  # the next one, without the blank line between
                    yield found
                    found = {}
                found.setdefault(name, field[2].strip())
            elif name and line.strip():
                found[name] = f"{found[name]} {line.strip()}"
        if found:
            yield found


def _raw_fields(block: Message) -> str:
    """The fields as they came: RFC 6533 has them in UTF-8, which a header may otherwise not hold."""
    text = "".join(f"{name}: {value}\n" for name, value in block.raw_items())
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _failure(block: Mapping[str, str], context: str, message: Message) -> Failure:
    final, original = _recipient(block, "final-recipient"), _recipient(block, "original-recipient")
    actual = _recipient(block, "x-actual-recipient")
    address = final or actual or original or next(iter(addresses(header(message, "X-Failed-Recipients"))), "")
    status = _STATUS.search(block.get("status", ""))
    diagnostic = _diagnostic(block)
    action = block.get("action", "").lower().split()[:1]
    return Failure(
        address=address,
        action=action[0] if action and action[0] in ACTIONS else _action_of(status[0] if status else ""),
        status=status[0] if status else "",
        diagnostic=diagnostic,
        said=_said_of(context, address),
        context=context,
        original=original,
        transcript=_transcript(context, address, diagnostic),
    )


def _diagnostic(block: Mapping[str, str]) -> str:
    kind, semicolon, text = block.get("diagnostic-code", "").partition(";")
    return text.strip() if semicolon and len(kind) < 40 else kind


def _said_of(text: str, address: str) -> str:
    """The entry that begins with the address, with the indented lines after it: Postfix and OpenSMTPD write the answer there."""
    found = (
        re.search(rf"^[ \t]*<?{re.escape(address)}>?:[ \t]*(.*(?:\n[ \t]+\S.*)*)", text, re.MULTILINE)
        if address
        else None
    )
    return found[1] if found else ""


def _transcript(text: str, address: str, diagnostic: str) -> str:
    """What the human part tells of how this one was refused: Postfix writes it behind the address, Sendmail before the reply."""
    reply = " ".join(diagnostic.split())[:40]
    if f"<{address}>... User unknown" in text:  # Sendmail's own verdict: what it pipelined, the server refused at RCPT
        return diagnostic
    sendmail = [command for command, told in _SESSION.findall(text) if reply and reply in " ".join(told.split())]
    start = text.find(f"<{address}>: ")
    postfix = text[start:].partition("\n\n")[0] if start >= 0 else ""
    return " ".join([*sendmail, postfix, diagnostic])


def _action_of(status: str) -> str:
    return {"2": "delivered", "4": "delayed"}.get(status[:1], "failed")


def _recipient(block: Mapping[str, str], name: str) -> str:
    """``rfc822; user@example.com`` in all the ways in which it is written."""
    value = block.get(name, "")
    found = ADDRESS.search(value.partition(";")[2] or value)
    return found[0].strip("'.") if found else ""


def _human_text(message: Message) -> str:
    """The part that people read, which often tells more than the fields; of a mail that lost its structure, all of it."""
    for part in parts(message):
        if part.get_content_type() in ("text/plain", "text/html") or not part.is_multipart():
            text = text_of(part)
            if text.strip():
                return text
    return ""
