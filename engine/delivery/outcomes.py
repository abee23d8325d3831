"""From a server's reply to an outcome. What is kept of a reply is its meaning: servers put addresses in their texts."""

from __future__ import annotations

import re

from engine.delivery.message import Outcome, OutcomeClass

_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\S)")  # RFC 3463 section 2, at the text's beginning by RFC 2034
_REMOTE_ID = re.compile(
    r"\b(?:queued as|id=|InternalId=)\s*([A-Za-z0-9][A-Za-z0-9._-]{0,63})(?![^\s\]>),;])", re.IGNORECASE
)
_CLASSES = {2: OutcomeClass.ACCEPTED, 4: OutcomeClass.DEFERRED, 5: OutcomeClass.REJECTED}

# RFC 3463 section 3 and the IANA registry of enhanced status codes: by subject and detail, else by subject.
_MEANINGS = {
    "1": "bad address",
    "1.1": "no such mailbox",
    "1.2": "no such mail domain",
    "1.3": "bad address syntax",
    "1.6": "mailbox has moved",
    "1.7": "bad sender address",
    "1.8": "bad sender domain",
    "1.10": "the domain accepts no mail",
    "2": "mailbox problem",
    "2.1": "mailbox disabled",
    "2.2": "mailbox full",
    "2.3": "message too long for the mailbox",
    "3": "mail system problem",
    "3.2": "the system accepts no messages now",
    "3.4": "message too big for the system",
    "4": "network or routing problem",
    "4.1": "no answer from host",
    "4.2": "bad connection",
    "4.5": "mail system congestion",
    "4.7": "delivery time expired",
    "5": "protocol problem",
    "5.2": "syntax error",
    "5.3": "too many recipients",
    "6": "content problem",
    "7": "refused by policy",
    "7.1": "delivery not authorized",
    "7.8": "bad credentials",
    "7.25": "no valid reverse DNS",
    "7.26": "authentication checks failed",
    "7.29": "no encryption in transit",
}
_BY_CODE = {421: "service not available", 450: "mailbox unavailable", 451: "local error", 452: "insufficient storage",
            550: "mailbox unavailable", 552: "storage exceeded", 553: "mailbox name not allowed", 554: "transaction failed"}  # fmt: skip
_BY_CLASS = {
    OutcomeClass.ACCEPTED: "accepted",
    OutcomeClass.DEFERRED: "temporary failure",
    OutcomeClass.REJECTED: "permanent failure",
    OutcomeClass.UNKNOWN: "the reply is not one",
}


def classify(code: int, enhanced: str | None, text: str) -> Outcome:
    """The outcome that a reply means.

    ``code`` decides alone (RFC 5321 section 4.2.1: 2xx done, 4xx transient, 5xx permanent); what is none of these says
    nothing about the message, so its fate is unknown. ``enhanced`` is read from the text's beginning when it is None.
    """
    outcome = _CLASSES.get(code // 100, OutcomeClass.UNKNOWN)
    if enhanced is None:
        found = _ENHANCED.match(text)
        enhanced = found[1] if found else None
    remote = _REMOTE_ID.search(text) if outcome is OutcomeClass.ACCEPTED else None
    return Outcome(outcome, code, enhanced, _detail(outcome, code, enhanced), remote[1] if remote else None)


def _detail(outcome: OutcomeClass, code: int, enhanced: str | None) -> str:
    if outcome in (OutcomeClass.DEFERRED, OutcomeClass.REJECTED):
        _, _, meaning = (enhanced or "").partition(".")
        subject, _, _ = meaning.partition(".")
        known = _MEANINGS.get(meaning) or _MEANINGS.get(subject) or _BY_CODE.get(code)
        if known is not None:
            return known
    return _BY_CLASS[outcome]
