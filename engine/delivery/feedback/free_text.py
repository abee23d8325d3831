"""Bounces that are no delivery status notifications: text for people, each mail system's its own."""

from __future__ import annotations

import logging
import re
from email.message import Message

from flufl.bounce import all_failures

from engine.delivery.feedback.delivery_status import Failure
from engine.delivery.feedback.mail import addresses, answers, header, parts, text_of

# Its detectors stumble over mails that they do not expect, and it would write that down each time.
logging.getLogger("flufl.bounce").addHandler(logging.NullHandler())
_SENDERS = re.compile(
    r"mailer-?daemon|postmaster|mail (?:delivery|administrator|system)|mdaemon|maildelivery|system administrator|mailadmin|"
    r"delivery.{0,12}(?:subsystem|system|agent)|majordomo|uucp|smtp|mail[_ ]?service|\broot@",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|non-?deliver|deliver\w* (?:status |mail )?(?:fail|notif|problem|error|delayed|incomplete|report)|"
    r"(?:mail|message|delivery) (?:system )?(?:error|failure|problem|status|failed|warning|delivery fail)|"
    r"fail\w* (?:delivery|notice|mail|to deliver)|return(?:ed|ing) (?:mail|message|to sender|e-?mail)|could not be delivered|"
    r"not deliver|unknown user|user unknown|mail (?:could|cannot|not)|problem delivering|bounce|can.t be delivered|rejected mail",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"(?:re|fwd?|aw|wg|sv|vs|tr|rv|antw|r)\s*(?:\[\d+\])?:", re.IGNORECASE)
# Where the returned message begins, in the words of the mail systems.
_ORIGINAL = re.compile(
    r"^(?:[-=*_ >]{0,40}(?:below this line|this is a copy of|(?:here is )?(?:the )?(?:original|returned|unsent|undelivered) message|"
    r"message header|(?:the )?(?:first|the header|header|text) (?:\S+ )?(?:lines )?(?:of|from) |original mail|a copy of the|copy of|"
    r"your (?:original )?message (?:headers?|follows|is|reads|was)|the (?:message )?headers?|unsent|message follows|"
    r"begin(?:ning)? of|returned (?:mail|message)|included is a copy|your original).*|"
    r"[> ]*(?:Received|Return-Path|Message-ID|X-Mailer|MIME-Version):.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_ECHOED = re.compile(r"^[ \t>]*(?:to|from|cc|subject|sent|date|message-id|sender):.*$", re.IGNORECASE | re.MULTILINE)
_TO = re.compile(rb"^[> \t]*To:[ \t]*(.{3,200})$", re.IGNORECASE | re.MULTILINE)
_NEAR = 600  # characters that tell of an address


def is_bounce(message: Message) -> bool:
    """Whether a mail system speaks. A subject alone proves nothing, and who answers or forwards something is a person."""
    if header(message, "X-Failed-Recipients"):
        return True
    return _from_system(message) and not _ANSWER.match(header(message, "Subject"))


def is_surely_bounce(message: Message) -> bool:
    """Whether sender and subject both say so: some mark such a mail as automatic answer too."""
    return bool(header(message, "X-Failed-Recipients")) or (_from_system(message) and _tells_failure(message))


def _from_system(message: Message) -> bool:
    sender = " ".join(header(message, name) for name in ("From", "Sender", "Return-Path"))
    return bool(_SENDERS.search(sender)) or header(message, "Return-Path") == "<>"


def _tells_failure(message: Message) -> bool:
    return bool(_SUBJECT.search(header(message, "Subject")))


def read_free_text(message: Message, raw: bytes) -> list[Failure]:
    """The recipients that a mail system's text names, with what is said near each."""
    text = _told(message)
    failed = addresses(header(message, "X-Failed-Recipients")) or _named(message, text) or _by_detectors(message)
    failed = failed or _returned_to(raw, header(message, "To")) or [""]
    near = [_near(text, each, failed) for each in failed]
    return [
        Failure(each, diagnostic=answers(told), said=told, context=text, transcript=told)
        for each, told in zip(failed, near, strict=True)
    ]


def _told(message: Message) -> str:
    """What the mail system wrote, without the message that it returns."""
    for part in parts(message):
        if part.get_content_maintype() == "text" and part.get_content_subtype() != "rfc822-headers":
            text = text_of(part)
            if text.strip():
                cut = _ORIGINAL.search(text, 1)
                return text[: cut.start()] if cut and text[: cut.start()].strip() else text[:3_000]
        if part.get_content_type() == "message/rfc822":
            break
    return ""


def _named(message: Message, text: str) -> list[str]:
    """The addresses in the text that are not those who speak or are spoken to."""
    ours = {
        each.lower()
        for name in ("To", "From", "Reply-To", "Sender", "Cc", "Return-Path")
        for each in addresses(header(message, name))
    }
    hosts = re.compile(
        r"^(?:postmaster|mailer-daemon|abuse|support|help(?:desk)?|admin|hostmaster|webmaster)@|@.*\.(?:jpe?g|gif|png)$",
        re.IGNORECASE,
    )
    text = _ECHOED.sub("", text)
    return [
        each
        for each in addresses(text)
        if each.lower() not in ours and not hosts.search(each) and "." in each.rpartition("@")[2]
    ]


def _by_detectors(message: Message) -> list[str]:
    """The addresses that flufl.bounce finds: it knows two dozen systems' layouts. What it says of permanence is not used."""
    try:
        temporary, permanent = all_failures(message)
    except Exception:  # its detectors raise what they like for a mail that is not what they expect
        return []
    return [each.decode("utf-8", "replace") for each in sorted(permanent | temporary)]


def _returned_to(raw: bytes, told: str) -> list[str]:
    """To whom the message was that is returned, where the mail system's own text does not say it."""
    ours = {each.lower() for each in addresses(told)}
    found = [addresses(each.decode("utf-8", "replace")) for each in _TO.findall(raw)]
    return [each[0] for each in found if len(each) == 1 and each[0].lower() not in ours][:1]


def _near(text: str, address: str, others: list[str]) -> str:
    """What is said of an address: from it to the next one that failed."""
    start = text.find(address)
    if start < 0 or len(others) == 1:
        return text
    ends = [found for each in others if each != address and (found := text.find(each, start + len(address))) > 0]
    return text[start : min([*ends, start + _NEAR])]
