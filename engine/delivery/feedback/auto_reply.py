"""Answers that no person wrote (RFC 3834): absence notes and receipts. They say nothing of an address."""

from __future__ import annotations

import re
from email.message import Message

from engine.delivery.feedback.mail import header

_SUBJECT = re.compile(
    r"\b(?:auto(?:matic|mated)?[ :-]{0,3}(?:reply|response|responder|answer)|out[ -]of[ -](?:the[ -])?office|vacation|away from|"
    r"on (?:annual )?leave|on holiday|abwesen\w*|automatische antwort|r[ée]ponse automatique|absence|respuesta autom|"
    r"risposta automatica|resposta autom|autosvar|afwezig\w*)\b|^auto(?:re)?:",
    re.IGNORECASE,
)
_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Response-From")


def is_auto_reply(message: Message) -> bool:
    """Whether the mail is an automatic answer. Ask for a delivery status first: notifications say that they are automatic too."""
    submitted = header(message, "Auto-Submitted").partition(";")[0].strip().lower()
    precedence = header(message, "Precedence").lower()
    if any(header(message, name) for name in _HEADERS) or precedence in ("auto_reply", "auto-reply"):
        return True
    return bool(_SUBJECT.search(header(message, "Subject"))) or (
        submitted == "auto-replied" and not _from_mail_system(message)
    )


def _from_mail_system(message: Message) -> bool:
    return bool(re.search(r"mailer-daemon|postmaster|mail delivery", header(message, "From"), re.IGNORECASE))
