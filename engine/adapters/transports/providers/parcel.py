"""The messages of one request, from the feed and back to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.delivery.transport import Feed


class Parcel:
    """Knows of each message whether its intent is durable and whether it may have been sent; gives each back exactly once.

    ``reason`` is why what is doubtful at the end is so.
    """

    def __init__(self, feed: Feed, messages: Iterable[Message]) -> None:
        self.reason = "the session was ended"
        self._feed = feed
        self._held = {message.index: message for message in messages}
        self._intended: set[int] = set()
        self._doubtful: set[int] = set()

    def holds(self, message: Message) -> bool:
        return message.index in self._held

    def is_doubtful(self, messages: Iterable[Message]) -> bool:
        return any(message.index in self._doubtful for message in messages)

    async def ask(self, messages: Sequence[Message]) -> bool:
        """Ask for the intents that are not durable yet, all at once, so that they share a sync; whether all are granted.

        A message whose intent is denied is given back. Raises what the feed raises, after all have been answered.
        """
        asked = [message for message in messages if message.index not in self._intended]
        answers = await asyncio.gather(*(self._feed.intent(message) for message in asked), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        for message, granted in zip(asked, answers, strict=True):
            if granted:
                self._intended.add(message.index)
            else:
                del self._held[message.index]
                self._feed.release(message)
        return all(answers)

    def doubt(self, messages: Iterable[Message]) -> None:
        """From now on these may have been sent."""
        self._doubtful.update(message.index for message in messages)

    def refused(self, messages: Iterable[Message]) -> None:
        """These were definitely not taken."""
        self._doubtful.difference_update(message.index for message in messages)

    def settle(self, message: Message, outcome: Outcome) -> None:
        del self._held[message.index]
        self._feed.outcome(message, outcome)

    def give_back(self) -> None:
        """All that is left: after its request began a message is in doubt, before it is not."""
        for index, message in list(self._held.items()):
            if index in self._doubtful:
                self.settle(message, Outcome(OutcomeClass.UNKNOWN, detail=f"after the request: {self.reason}"))
            else:
                del self._held[index]
                self._feed.release(message)
