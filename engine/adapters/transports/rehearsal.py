"""The ``rehearsal`` transport: nothing leaves the process, and the address chooses its outcome.

    temporary@   deferred, 451 4.3.0 as the reply to the final dot
    permanent@   rejected, 550 5.1.1 as the reply to RCPT, so before any intent
    timeout@     unknown: no reply to the final dot
    drop@        the connection is lost before the final dot, once for each message; then accepted
    slow@        accepted after a while
    any other    accepted

The word is the local part's beginning, alone or before ``+``, ``.``, ``-``, ``_`` or a digit: ``temporary+17@example.com`` is deferred too.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final
from urllib.parse import SplitResult

from engine.adapters.transports.kind import TransportKind, malformed
from engine.adapters.transports.settings import TransportSettings
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.delivery.transport import Feed
from engine.errors import ServiceError

_WORD: Final = re.compile(r"(temporary|permanent|timeout|drop|slow)(?=[-+._\d@])")

_ACCEPTED: Final = Outcome(OutcomeClass.ACCEPTED, 250, "2.0.0", "rehearsed")
_AT_THE_DOT: Final = {
    "temporary": Outcome(OutcomeClass.DEFERRED, 451, "4.3.0", "rehearsed temporary failure"),
    "timeout": Outcome(OutcomeClass.UNKNOWN, detail="rehearsed timeout after the final dot"),
}
_PERMANENT: Final = Outcome(OutcomeClass.REJECTED, 550, "5.1.1", "rehearsed permanent failure")


class RehearsalTransport:
    def __init__(self, slow_seconds: float) -> None:
        self._slow_seconds = slow_seconds
        self._dropped: set[bytes] = set()

    async def session(self, feed: Feed) -> None:
        while (message := await feed.next()) is not None:
            match = _WORD.match(message.recipient)
            await self._rehearse(message, feed, match[1] if match else "")
            await asyncio.sleep(0)  # nothing here waits, and other sessions want their turn

    async def _rehearse(self, message: Message, feed: Feed, word: str) -> None:
        if word == "permanent":
            feed.outcome(message, _PERMANENT)
        elif word == "drop" and message.key not in self._dropped:
            self._dropped.add(message.key)
            feed.release(message)
            raise ServiceError.single("MR731", "the connection was lost: rehearsed before the final dot")
        else:
            await self._send(message, feed, word)

    async def _send(self, message: Message, feed: Feed, word: str) -> None:
        """Past the point of no return, or not at all; an end of the session in a slow reply leaves the outcome unknown."""
        outcome: Outcome | None = None
        try:
            if await feed.intent(message):
                outcome = Outcome(OutcomeClass.UNKNOWN, detail="the session was ended")
                if word == "slow":
                    await asyncio.sleep(self._slow_seconds)
                outcome = _AT_THE_DOT.get(word, _ACCEPTED)
        finally:
            if outcome is None:
                feed.release(message)
            else:
                feed.outcome(message, outcome)


def open_rehearsal(url: SplitResult, settings: TransportSettings) -> RehearsalTransport:
    """``rehearsal:``. Raises UsageError for anything more."""
    if url.netloc or url.path or url.query or url.fragment:
        raise malformed(url, "more than its scheme", "rehearsal:")
    return RehearsalTransport(settings.slow_seconds)


KIND: Final = TransportKind(
    name="rehearsal",
    schemes=("rehearsal",),
    example="rehearsal:",
    summary="send nothing; the address chooses its outcome (temporary@, permanent@, timeout@, drop@, slow@)",
    open=open_rehearsal,
)
