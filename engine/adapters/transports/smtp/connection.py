"""The core on an asyncio transport: bytes in and out, and a deadline for each reply."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from math import inf

from engine.adapters.transports.smtp.commands import QUIT
from engine.adapters.transports.smtp.core import Command, Core, Reply
from engine.adapters.transports.smtp.errors import LostConnectionError, SmtpError
from engine.adapters.transports.smtp.wakeup import Wakeup


class Connection(asyncio.Protocol):
    """One connection, used by one coroutine.

    ``lost`` is None while it can be used, then the reason why not. A deadline is for the whole of what is awaited: bytes that
    drip do not put it off. There is one timer for the connection, moved lazily, since most deadlines are replaced long before
    they are due.
    """

    def __init__(self, news: Wakeup) -> None:
        self.core = Core()
        self.lost: str | None = None
        self._news = news
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._replies: deque[Reply] = deque()
        self._congested = False
        self._closed = False
        self._deadline = inf
        self._awaited = ""
        self._timer: asyncio.TimerHandle | None = None

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        # Any byte that the system has not taken counts as congestion: the dot is not written, nor its intent asked for, behind a queue.
        transport.set_write_buffer_limits(high=1, low=0)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for reply in self.core.receive(data):
                if reply.verb is None:
                    self._give_up(f"the server closes the connection ({reply.code})")
                else:
                    self._replies.append(reply)
        except SmtpError as fault:
            self._give_up(f"the server broke the protocol: {fault}")
        self._news.wake()

    def eof_received(self) -> None:
        self.lost = self.lost or "the server closed the connection"
        self._news.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.lost is None:
            self.lost = f"the connection broke ({type(exc).__name__})" if exc else "the connection was closed"
        self._closed = True
        self._congested = False
        if self._timer is not None:
            self._timer.cancel()
        self._news.wake()

    def pause_writing(self) -> None:
        self._congested = True

    def resume_writing(self) -> None:
        self._congested = False
        self._news.wake()

    # What the session calls

    def check(self) -> None:
        """Raises LostConnectionError when the connection cannot be used any more."""
        if self.lost is not None:
            raise LostConnectionError(self.lost)

    def send(self, commands: Iterable[Command]) -> None:
        self.check()
        self._write(self.core.send(commands))

    async def send_content(self, content: bytes | memoryview, seconds: float) -> None:
        """Write the content and wait until the system has taken all of it."""
        self.check()
        self._write(content)
        if self._congested:
            await self._drained(seconds)
            self.check()

    async def _drained(self, seconds: float) -> None:
        self._expect("the content to be taken", seconds)
        while self._congested:
            await self._news.sleep()
        self._deadline = inf

    async def reply(self, seconds: float) -> Reply:
        """The next reply. Raises LostConnectionError when there will be none, or not within the deadline."""
        if not self._replies:
            self._expect("a reply", seconds)
            while not self._replies:
                self.check()
                await self._news.sleep()
            self._deadline = inf
        return self._replies.popleft()

    async def secure(self, context: ssl.SSLContext, server_name: str, seconds: float) -> None:
        """The TLS handshake after STARTTLS. Raises LostConnectionError and what ssl raises."""
        self.check()
        assert self._transport is not None
        secured = await self._loop.start_tls(
            self._transport, self, context, server_hostname=server_name, ssl_handshake_timeout=seconds
        )
        if secured is None:
            raise LostConnectionError("the connection closed during the TLS handshake")
        self.connection_made(secured)
        self.core.secured()

    async def quit(self, seconds: float) -> None:
        """Say goodbye and close; what the server says to that changes nothing."""
        try:
            self.send((QUIT,))
            await self.reply(seconds)
        except SmtpError:
            pass
        await self.close()

    async def close(self) -> None:
        """Close without a word: what the server has of an unfinished message it must discard (RFC 5321 section 4.1.1.4)."""
        if self._transport is not None:
            self._transport.abort()
            while not self._closed:
                await self._news.sleep()

    @property
    def local_address(self) -> str:
        """Our end's address as the literal that EHLO takes (RFC 5321 section 4.1.3)."""
        assert self._transport is not None
        host = str(self._transport.get_extra_info("sockname")[0])
        return f"[IPv6:{host}]" if ":" in host else f"[{host}]"

    @property
    def is_secure(self) -> bool:
        return self._transport is not None and self._transport.get_extra_info("ssl_object") is not None

    # Deadlines

    def _expect(self, awaited: str, seconds: float) -> None:
        self._awaited = awaited
        self._deadline = self._loop.time() + seconds
        timer = self._timer
        if timer is None or self._deadline < timer.when():
            if timer is not None:
                timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._deadline == inf:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._on_timer)
        else:
            self._give_up(f"timed out waiting for {self._awaited}")
            self._news.wake()

    def _give_up(self, reason: str) -> None:
        self.lost = self.lost or reason
        if self._transport is not None:
            self._transport.abort()

    def _write(self, written: bytes | memoryview) -> None:
        assert self._transport is not None
        self._transport.write(written)
