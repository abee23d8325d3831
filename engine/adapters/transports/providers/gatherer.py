"""Messages for one request: what a feed gives within a moment."""

from __future__ import annotations

import asyncio
from typing import Final

from engine.delivery.message import Message
from engine.delivery.transport import Feed

LINGER: Final = 0.02
"""Seconds that a message waits for others to go with it."""


class Gatherer:
    """Takes messages from a feed. Each is here until ``gather`` has returned it, or ``stop``."""

    def __init__(self, feed: Feed, most: int, most_octets: int) -> None:
        self._feed = feed
        self._most = most
        self._most_octets = most_octets
        self._gathered: list[Message] = []
        self._asked: asyncio.Task[Message | None] | None = None

    async def gather(self) -> list[Message]:
        """At least one message, however long that takes; none when the feed has ended. Raises what the feed raises.

        What the feed says while there are others, its end and its fault too, is kept for the next time.
        """
        loop = asyncio.get_running_loop()
        octets, deadline = 0, None
        while len(self._gathered) < self._most:
            if self._asked is None:
                self._asked = asyncio.create_task(self._feed.next())
            await asyncio.wait((self._asked,), timeout=None if deadline is None else max(0.0, deadline - loop.time()))
            if self._gathered and (not self._asked.done() or self._asked.cancelled() or self._asked.exception()):
                break
            message = self._asked.result()
            if message is None or (self._gathered and octets + len(message.content) > self._most_octets):
                break
            self._asked = None
            self._gathered.append(message)
            octets += len(message.content)
            deadline = deadline or loop.time() + LINGER
        gathered, self._gathered = self._gathered, []
        return gathered

    async def stop(self) -> list[Message]:
        """End the asking; the messages that were taken from the feed and from here by nobody."""
        left, self._gathered = self._gathered, []
        if self._asked is not None:
            self._asked.cancel()
            [answer] = await asyncio.gather(self._asked, return_exceptions=True)
            if isinstance(answer, Message):
                left.append(answer)
        return left
