"""One session: a feed drained through connections that follow one another.

The order of things for a message, with PIPELINING (RFC 2920):

    we                                                  server
    . (of the message before)  MAIL  RCPT  DATA   ->
                                                  <-    250 (the message before)  250  250  354
    content                                       ->
    the intent is made durable
    .  MAIL  RCPT  DATA (of the message after)    ->

The content goes out before the intent is asked for, so that it travels while the ledger syncs its disk, and only three octets
(and the next envelope, in the same write) come after it. Thus a message can be in doubt for one round trip and no longer,
whatever its size: whoever is killed before the dot has certainly not sent it, since a server discards content that no dot
ends. An intent that is denied costs the connection for the same reason: there is no other way to leave a DATA unfinished.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from engine.adapters.transports.settings import Deadlines
from engine.adapters.transports.smtp import commands
from engine.adapters.transports.smtp.connection import Connection
from engine.adapters.transports.smtp.core import Command, Reply
from engine.adapters.transports.smtp.envelope import Envelope, fit
from engine.adapters.transports.smtp.errors import LostConnectionError
from engine.adapters.transports.smtp.lookahead import Lookahead
from engine.adapters.transports.smtp.states import SERVICE_CLOSING, State, Verb
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.delivery.outcomes import classify
from engine.delivery.transport import Feed

CLOSING: Final = "the server closes the connection (421)"


class Session:
    """Sends what a feed gives.

    A message taken from the feed is in exactly one place: looked ahead, ``_next`` (nothing written), ``_current`` (no dot written) or
    ``_doubtful`` (dot written, reply owed). Whatever ends the session, each is given back from there.
    """

    def __init__(
        self, feed: Feed, connection: Connection, ahead: Lookahead, deadlines: Deadlines, messages_per_connection: int
    ) -> None:
        self._feed = feed
        self._connection = connection
        self._ahead = ahead
        self._deadlines = deadlines
        self._limit = messages_per_connection
        self._begun = 0  # messages begun on the present connection
        self._next: Message | None = None
        self._current: Message | None = None
        self._envelope: Envelope | None = None
        self._doubtful: Message | None = None

    async def run(self, reconnect: Callable[[], Awaitable[Connection]]) -> None:
        """Until the feed ends. Raises LostConnectionError, what ``reconnect`` raises, and what the feed raises."""
        try:
            while (message := await self._ahead.wait()) is not None:
                self._next = message
                await self._renew(reconnect)
                self._next = None
                envelope = self._prepare(message)
                if self._pipelining:
                    self._connection.send(envelope)
                await self._chain()
            await self._connection.quit(self._deadlines.quit)
        finally:
            self._give_back(await self._ahead.stop())
            await self._connection.close()

    async def _renew(self, reconnect: Callable[[], Awaitable[Connection]]) -> None:
        """Another connection when this one has carried its share, was given up, or was closed while it stood idle."""
        connection = self._connection
        if connection.lost is None and self._begun < self._limit:
            return
        if self._begun == 0:
            connection.check()  # a server that hangs up before the first message would do so for ever
        await connection.quit(self._deadlines.quit)
        self._connection = await reconnect()
        self._begun = 0

    @property
    def _pipelining(self) -> bool:
        return self._connection.core.capabilities.pipelining

    def _prepare(self, message: Message) -> tuple[Command, ...]:
        """Make a message the current one: its envelope, or nothing when this server cannot take it, which is its outcome."""
        fitted = fit(message, self._connection.core.capabilities)
        if isinstance(fitted, Outcome):
            self._feed.outcome(message, fitted)
            return ()
        self._begun += 1
        self._current, self._envelope = message, fitted
        return fitted.commands

    async def _chain(self) -> None:
        """The current message, and those whose envelopes go out with the dots before them."""
        while self._current is not None and self._envelope is not None:
            if await self._offer(self._envelope):
                await self._complete(self._current, self._envelope)
        if self._doubtful is not None:
            await self._settle(self._doubtful)

    async def _offer(self, envelope: Envelope) -> bool:
        """Whether the server wants the current message's content; if not, the outcome has been told."""
        if self._doubtful is not None:
            await self._settle(self._doubtful)
        refusal: Reply | None = None
        for command in envelope.commands:
            if not self._pipelining:
                self._connection.send((command,))
            reply = await self._connection.reply(
                self._deadlines.data if command.verb is Verb.DATA else self._deadlines.envelope
            )
            if reply.code >= 400:
                refusal = refusal or reply
                if reply.code == SERVICE_CLOSING or not self._pipelining:
                    break
        if refusal is None:
            return True
        message, self._current = self._current, None
        if message is not None:
            self._tell(message, refusal)
        await self._clear()
        return False

    async def _clear(self) -> None:
        """Leave a transaction that was refused on the way, so that the next MAIL is welcome."""
        connection = self._connection
        if connection.core.state is State.VOID:
            # DATA was accepted though no recipient was: a lone dot, a message to nobody (RFC 2920 section 3.1).
            connection.send((commands.END,))
            await connection.reply(self._deadlines.end)
        elif connection.core.state in (State.SENDER, State.RECIPIENT):
            connection.send((commands.RSET,))
            await connection.reply(self._deadlines.envelope)
        if connection.core.state is not State.READY:
            raise LostConnectionError(
                CLOSING if connection.core.state is State.CLOSED else "the server does not take RSET"
            )

    async def _complete(self, message: Message, envelope: Envelope) -> None:
        """Content, intent, dot, and the next envelope behind the dot."""
        await self._connection.send_content(envelope.content, self._deadlines.content)
        if not await self._feed.intent(message):
            self._current = None
            self._feed.release(message)
            await self._connection.close()
            return
        if self._connection.lost is not None:
            self._current = None
            self._feed.outcome(
                message,
                Outcome(OutcomeClass.DEFERRED, detail=f"before the end of the message: {self._connection.lost}"),
            )
            self._connection.check()
        following = self._ahead.take() if self._pipelining and self._begun < self._limit else None
        self._current, self._doubtful = None, message
        self._connection.send((commands.END, *(self._prepare(following) if following is not None else ())))

    async def _settle(self, message: Message) -> None:
        reply = await self._connection.reply(self._deadlines.end)
        self._doubtful = None
        self._tell(message, reply)
        if reply.code == SERVICE_CLOSING:
            raise LostConnectionError(CLOSING)

    def _tell(self, message: Message, reply: Reply) -> None:
        self._feed.outcome(message, classify(reply.code, None, reply.raw.text))

    def _give_back(self, ahead: Message | None) -> None:
        if self._doubtful is not None:
            reason = self._connection.lost or "the session was ended"
            self._feed.outcome(self._doubtful, Outcome(OutcomeClass.UNKNOWN, detail=f"after the final dot: {reason}"))
        for message in (self._current, self._next, ahead):
            if message is not None:
                self._feed.release(message)
        self._doubtful = self._current = self._next = None
