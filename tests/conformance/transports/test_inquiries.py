"""What can be asked of the other end about messages that may have been sent."""

import asyncio

from engine.adapters.transports import TRANSPORTS, Credentials, TransportSettings, open_inquiry
from engine.adapters.transports.kind import open_nobody
from engine.adapters.transports.providers import CAPABILITIES
from engine.delivery.doubts import Nobody


def test_what_was_taken_is_known_and_nothing_else(searched, feed_of, message) -> None:
    async def ask() -> None:
        async with searched as kind:
            await kind.transport.session(feed_of([message(index) for index in range(4)], deny=frozenset({2})))
            keys = [message(index).key for index in range(5)]
            inquiry = open_inquiry(kind.url, kind.settings)
            known = await asyncio.to_thread(inquiry.ask, keys)
            taken = {0, 1, 3}
            assert set(known) == {keys[index] for index in taken}
            assert len({each.remote_id for each in known.values()}) == len(taken)
            assert all(each.source and each.what and "@" not in f"{each} {each.remote_id}" for each in known.values())
            assert await asyncio.to_thread(inquiry.ask, []) == {}

    asyncio.run(ask())


def test_whoever_cannot_be_asked_knows_nothing(mute, feed_of, message) -> None:
    async def ask() -> None:
        async with mute as kind:
            await kind.transport.session(feed_of([message(0)]))
            assert await asyncio.to_thread(open_inquiry(kind.url, kind.settings).ask, [message(0).key]) == {}

    asyncio.run(ask())


def test_the_table_says_who_can_be_asked() -> None:
    can = {kind.name for kind in TRANSPORTS if kind.inquire is not open_nobody}
    assert can == {
        "file",
        *(name for name, each in CAPABILITIES.items() if each.searched or each.remembers is not None),
    }


def test_only_a_message_that_is_alone_in_its_request_is_known_again() -> None:
    settings = TransportSettings(credentials=Credentials.of("sesame"))
    assert open_inquiry("resend:", settings) == Nobody(0)
    assert open_inquiry("resend:?batch=1", settings) == Nobody(24 * 3_600_000_000)
