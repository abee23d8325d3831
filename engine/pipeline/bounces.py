"""From a mail that came back to events: what it says, and of which of our messages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from engine.audience.suppression import normal
from engine.delivery.feedback.contract import Deliveries, Delivery
from engine.delivery.feedback.events import FeedbackEvent, Kind
from engine.delivery.feedback.reading import Finding, Reading, read_mail
from engine.delivery.feedback.rules import BounceRules
from engine.delivery.identity import TokenUse

SOURCE = "mail"
_TOKEN = re.compile(rb"(?<![A-Za-z2-7])[A-Za-z2-7]{48}(?![A-Za-z2-7])")
_MESSAGE_ID = re.compile(rb"(?<![a-z2-7])([a-z2-7]{32})@")
_MOST_ASKED = 20  # of each kind; a mail that holds more was made to


@dataclass(frozen=True, slots=True)
class ReadBounce:
    """A mail, what it says, of which message, and the events that follow."""

    reading: Reading
    delivery: Delivery | None
    events: Sequence[FeedbackEvent]


class BounceReader:
    """Understands mails. ``key_of`` verifies tokens."""

    def __init__(
        self, rules: BounceRules, key_of: Callable[[str, TokenUse], bytes | None], deliveries: Deliveries
    ) -> None:
        self._rules = rules
        self._key_of = key_of
        self._deliveries = deliveries

    def read(self, raw: bytes, now: int) -> ReadBounce:
        """Whatever is in the mail, nothing is raised for it. A message of ours is known by its token in the return path or in
        the List-Unsubscribe that came back, which nobody else can have made, else by its Message-ID."""
        reading = read_mail(raw, self._rules)
        delivery = self._delivery(raw) if reading.findings else None
        return ReadBounce(reading, delivery, list(_events(reading, delivery, raw, now)))

    def _delivery(self, raw: bytes) -> Delivery | None:
        for found in dict.fromkeys(_TOKEN.findall(raw)[:_MOST_ASKED]):
            token = found.decode().lower()
            key = self._key_of(token, TokenUse.RETURN_PATH) or self._key_of(token, TokenUse.UNSUBSCRIBE)
            delivery = None if key is None else self._deliveries.find(key)
            if delivery is not None:
                return delivery
        for found in dict.fromkeys(_MESSAGE_ID.findall(raw)[:_MOST_ASKED]):
            delivery = self._deliveries.find_message_id(found.decode())
            if delivery is not None:
                return delivery
        return None


def _events(reading: Reading, delivery: Delivery | None, raw: bytes, now: int) -> Iterator[FeedbackEvent]:
    identity = reading.message_id.encode() or raw
    for number, finding in enumerate(reading.findings):
        told = _of_forwarded(finding, delivery)
        what = hashlib.blake2b(b"%d %s %s" % (number, told.address.lower().encode(), identity), digest_size=16)
        yield FeedbackEvent(
            id=f"{SOURCE}:{what.hexdigest()}",
            kind=told.kind,
            at=now,
            source=SOURCE,
            key=None if delivery is None else delivery.key,
            address=told.original or told.address or None,
            status=told.status,
            detail=told.reason,
        )


def _of_forwarded(finding: Finding, delivery: Delivery | None) -> Finding:
    """An address that ours forwards to is dead: ours is not, so it is not withdrawn at once."""
    if delivery is None or finding.kind is not Kind.HARD or not finding.address:
        return finding
    told = normal([each for each in (finding.address, finding.original) if each])
    if normal([delivery.address])[0] in told:
        return finding
    return Finding(Kind.SOFT, finding.address, finding.status, "an address that it forwards to failed")
