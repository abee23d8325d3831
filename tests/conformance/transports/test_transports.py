"""What every transport does, whatever it is made of."""

from __future__ import annotations

import asyncio

import pytest

from engine.delivery.message import OutcomeClass
from engine.errors import ServiceError

HEADER = b"Subject: x\r\nFrom: shop@example.com\r\n\r\n"
CONTENTS = {
    "plain": HEADER + b"hello\r\n",
    "no body": HEADER,
    "8 bits": HEADER + "grüße aus köln\r\n".encode() * 50,
    "dots": HEADER + b".\r\n..\r\n.hidden\r\nend.\r\n.\r\n",
    "looks like a session": HEADER
    + b"x\r\n.\r\nMAIL FROM:<x@example.com>\r\nRCPT TO:<y@example.com>\r\nDATA\r\n.\r\nQUIT\r\n",
    "looks like an mbox": HEADER + b"From here on\r\n>From there\r\n>>From nowhere\r\n",
    "ends with empty lines": HEADER + b"hello\r\n\r\n\r\n",
    "longest lines": HEADER + (b"x" * 998 + b"\r\n") * 3,
    "large": HEADER + (b"y" * 76 + b"\r\n") * 30_000,
}


def test_each_message_is_given_back_once(opened, feed_of, message) -> None:
    async def send() -> None:
        async with opened as kind:
            feed = feed_of([message(index) for index in range(10)])
            await kind.transport.session(feed)
            assert {index: outcome.outcome for index, outcome in feed.outcomes.items()} == dict.fromkeys(
                range(10), OutcomeClass.ACCEPTED
            )
            assert feed.released == []
            if kind.delivered is not None:
                assert sorted(kind.delivered()) == kind.all_seen(message(index) for index in range(10))

    asyncio.run(send())


def test_an_empty_feed_sends_nothing(opened, feed_of) -> None:
    async def send() -> None:
        async with opened as kind:
            feed = feed_of([])
            await kind.transport.session(feed)
            assert feed.events == []
            assert kind.delivered is None or kind.delivered() == []

    asyncio.run(send())


def test_several_sessions_share_a_feed(opened, feed_of, message) -> None:
    async def send() -> None:
        async with opened as kind:
            feed = feed_of([message(index) for index in range(40)])
            await asyncio.gather(*(kind.transport.session(feed) for _ in range(4)))
            assert set(feed.outcomes) == set(range(40))
            if kind.delivered is not None:
                assert sorted(kind.delivered()) == kind.all_seen(message(index) for index in range(40))

    asyncio.run(send())


@pytest.mark.parametrize("denied", [{0}, {4}, {9}, {3, 4}, set(range(10))], ids=str)
def test_what_is_denied_is_not_sent(opened, feed_of, message, denied) -> None:
    async def send() -> None:
        async with opened as kind:
            feed = feed_of([message(index) for index in range(10)], frozenset(denied))
            await kind.transport.session(feed)
            assert set(feed.released) == denied
            assert set(feed.outcomes) == set(range(10)) - denied
            if kind.delivered is not None:
                expected = [message(index) for index in range(10) if index not in denied]
                assert sorted(kind.delivered()) == kind.all_seen(expected)

    asyncio.run(send())


def test_nothing_is_sent_before_its_intent(delivering, feed_of, message) -> None:
    async def send() -> None:
        async with delivering as kind:

            def look(asked) -> None:
                assert kind.seen(asked) not in kind.delivered()

            feed = feed_of([message(index) for index in range(10)], on_intent=look)
            await kind.transport.session(feed)
            intents = [index for event, index in feed.events if event == "intent"]
            assert sorted(intents) == list(range(10))
            assert len(kind.delivered()) == 10

    asyncio.run(send())


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_content_arrives_byte_for_byte(delivering, feed_of, message, content) -> None:
    async def send() -> None:
        async with delivering as kind:
            feed = feed_of([message(0), message(1, content), message(2)])
            await kind.transport.session(feed)
            assert [feed.outcomes[index].outcome for index in range(3)] == [OutcomeClass.ACCEPTED] * 3
            assert sorted(kind.delivered()) == kind.all_seen([message(0), message(1, content), message(2)])

    asyncio.run(send())


def test_content_may_be_a_view(delivering, feed_of, message) -> None:
    async def send() -> None:
        async with delivering as kind:
            view = memoryview(b"rubbish" + CONTENTS["8 bits"])[7:]
            await kind.transport.session(feed_of([message(0, view)]))
            assert kind.delivered() == [kind.seen(message(0, CONTENTS["8 bits"]))]

    asyncio.run(send())


def test_a_lost_reply_is_unknown(forgetting, feed_of, message) -> None:
    async def send() -> None:
        async with forgetting as kind:
            feed = feed_of([message(index, recipient=f"timeout+{index}@example.com") for index in range(4)])
            while feed.messages:
                try:
                    await kind.transport.session(feed)
                except ServiceError:
                    assert feed.taken == feed.given_back
            outcomes = {outcome.outcome for outcome in feed.outcomes.values()}
            assert outcomes == {OutcomeClass.UNKNOWN}
            assert set(feed.outcomes) | set(feed.released) == set(range(4))
            if kind.delivered is not None:
                assert sorted(kind.delivered()) == kind.all_seen(
                    message(index, recipient=f"timeout+{index}@example.com") for index in feed.outcomes
                )

    asyncio.run(send())


class LedgerGoneError(Exception):
    pass


def test_a_ledger_that_fails_stops_the_session_before_the_dot(opened, feed_of, message) -> None:
    async def send() -> None:
        async with opened as kind:

            def fail(asked) -> None:
                if asked.index == 2:
                    raise LedgerGoneError

            feed = feed_of([message(index) for index in range(5)], on_intent=fail)
            with pytest.raises(LedgerGoneError):
                await kind.transport.session(feed)
            assert feed.taken == feed.given_back
            # What goes together stays together: a batch is not sent when one of its intents fails.
            assert set(feed.outcomes) == (set(range(2)) if kind.batch == 1 else set())
            assert 2 in feed.released
            if kind.delivered is not None:
                assert sorted(kind.delivered()) == kind.all_seen(message(index) for index in feed.outcomes)

    asyncio.run(send())


def test_a_session_that_is_cancelled_gives_everything_back(opened, feed_of, message) -> None:
    async def send() -> None:
        async with opened as kind:
            feed = feed_of([message(index) for index in range(5)], endless=True)
            session = asyncio.create_task(kind.transport.session(feed))
            while len(feed.given_back) < 3:
                await asyncio.sleep(0.001)
            session.cancel()
            with pytest.raises(asyncio.CancelledError):
                await session
            assert feed.taken == feed.given_back

    asyncio.run(send())


def test_a_feed_may_pause(opened, feed_of, message) -> None:
    """A feed that has nothing for a while neither holds up what is on its way nor ends the session."""

    async def send() -> None:
        async with opened as kind:
            feed = feed_of([message(0)], endless=True)
            session = asyncio.create_task(kind.transport.session(feed))
            while set(feed.outcomes) != {0}:
                await asyncio.sleep(0.001)
            assert not session.done()
            session.cancel()
            await asyncio.wait((session,))

    asyncio.run(send())


class AudienceGoneError(Exception):
    pass


def test_a_feed_that_fails_ends_the_session(opened, feed_of, message) -> None:
    class Failing(feed_of):
        async def next(self):
            if len(self.messages) == 1:
                raise AudienceGoneError
            return await super().next()

    async def send() -> None:
        async with opened as kind:
            feed = Failing([message(index) for index in range(4)])
            with pytest.raises(AudienceGoneError):
                await kind.transport.session(feed)
            assert feed.taken == feed.given_back == {0, 1, 2}

    asyncio.run(send())
