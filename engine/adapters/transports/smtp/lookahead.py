"""The next message, asked for while the present one is on its way."""

from __future__ import annotations

import asyncio

from engine.adapters.transports.smtp.wakeup import Wakeup
from engine.delivery.message import Message
from engine.delivery.transport import Feed


class Lookahead:
    """Keeps at most one message taken from a feed in advance, by one task for the whole session.

    A feed that paces its messages thus never holds up the final dot of the message before.
    """

    __slots__ = ("_feed", "_message", "_news", "_room", "_task", "ended")

    def __init__(self, feed: Feed, news: Wakeup) -> None:
        self._feed = feed
        self._news = news
        self._message: Message | None = None
        self._room: asyncio.Future[None] | None = None
        self.ended = False
        self._task = asyncio.create_task(self._pull())

    def take(self) -> Message | None:
        """The message that is ready, or None when none is ready yet or the feed has ended."""
        message = self._message
        if message is not None:
            self._message = None
            if self._room is not None and not self._room.done():
                self._room.set_result(None)
        return message

    async def wait(self) -> Message | None:
        """The next message, however long it takes, or None when the feed has ended. Raises what the feed raised."""
        while self._message is None and not self.ended:
            await self._news.sleep()
        if self._message is None:
            await self._task
        return self.take()

    async def stop(self) -> Message | None:
        """End the asking; the message that was taken from the feed and from here by nobody."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        message, self._message = self._message, None
        return message

    async def _pull(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while (message := await self._feed.next()) is not None:
                self._message = message
                self._room = loop.create_future()
                self._news.wake()
                await self._room
        finally:
            self.ended = True
            self._news.wake()
