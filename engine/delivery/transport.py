"""What a transport is: one verb. It opens a connection, drains a feed through it, and closes it."""

from __future__ import annotations

from typing import Protocol

from engine.delivery.message import Message, Outcome


class Feed(Protocol):
    """What a connection asks of the delivery worker that runs it.

    Each message given by ``next`` is given back exactly once: by ``outcome`` or by ``release``.
    """

    async def next(self) -> Message | None:
        """The next message that may be sent now (gated, paced), or None when there is none left for this connection.

        It may be asked for while the message before is still on its way, and cancelled while it waits.
        """

    async def intent(self, message: Message) -> bool:
        """Ask, right before the point of no return, whether to go on.

        True: the intent is durable, and what follows is an outcome. False: the message must not be sent; release it.
        """

    def outcome(self, message: Message, outcome: Outcome) -> None:
        """Say what became of a message."""

    def release(self, message: Message) -> None:
        """Give back a message that has definitely not been sent."""


class Transport(Protocol):
    """A way to send. An instance belongs to one worker; several sessions may run in it at the same time."""

    async def session(self, feed: Feed) -> None:
        """Open one connection, send what the feed gives until it gives None, close.

        Raises ServiceError when the connection could not be made or was lost; by then each message taken has been given back.
        """
