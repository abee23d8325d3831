"""The rehearsal's addresses, and that a rehearsed outcome passes the same gates as a real one."""

from __future__ import annotations

import asyncio

import pytest

from engine.adapters.transports import TransportSettings, open_transport
from engine.delivery.message import OutcomeClass
from engine.errors import ServiceError


@pytest.mark.parametrize(
    ("recipient", "outcome", "code", "asked"),
    [
        ("temporary@example.com", OutcomeClass.DEFERRED, 451, True),
        ("temporary+17@example.com", OutcomeClass.DEFERRED, 451, True),
        ("permanent.8@example.com", OutcomeClass.REJECTED, 550, False),
        ("timeout9@example.com", OutcomeClass.UNKNOWN, None, True),
        ("slow@example.com", OutcomeClass.ACCEPTED, 250, True),
        ("temporarily@example.com", OutcomeClass.ACCEPTED, 250, True),
        ("anna.permanent@example.com", OutcomeClass.ACCEPTED, 250, True),
    ],
)
def test_the_address_chooses(recipient, outcome, code, asked, feed_of, message) -> None:
    transport = open_transport("rehearsal:", TransportSettings(slow_seconds=0.01))
    feed = feed_of([message(0, recipient=recipient)])
    asyncio.run(transport.session(feed))
    assert feed.outcomes[0].outcome is outcome
    assert feed.outcomes[0].code == code
    assert (("intent", 0) in feed.events) is asked


def test_a_drop_happens_once(feed_of, message) -> None:
    transport = open_transport("rehearsal:", TransportSettings())
    feed = feed_of([message(0, recipient="drop@example.com")])
    with pytest.raises(ServiceError):
        asyncio.run(transport.session(feed))
    assert feed.events == [("next", 0), ("release", 0)]
    again = feed_of([message(0, recipient="drop@example.com")])
    asyncio.run(transport.session(again))
    assert again.outcomes[0].outcome is OutcomeClass.ACCEPTED
