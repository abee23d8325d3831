"""The receiving side of SMTP, as much as a sender can want of it: ESMTP with PIPELINING, SIZE, 8BITMIME, SMTPUTF8, enhanced codes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final

from engine.adapters.inbox.faults import Fault
from engine.adapters.inbox.received import ReceivedMail
from engine.adapters.inbox.settings import InboxSettings

_HOST: Final = b"inbox.invalid"
_LONGEST_LINE: Final = 8_192
_END: Final = b"\r\n.\r\n"
_PATH: Final = re.compile(rb"(?:FROM|TO):\s*<([^<>\r\n]*)>(.*)", re.IGNORECASE | re.DOTALL)
_SIZE: Final = re.compile(rb"\bSIZE=(\d{1,20})\b", re.IGNORECASE)


class Receiver(asyncio.Protocol):
    """One connection. Everything that has arrived is worked off at once, and its replies leave in one write."""

    def __init__(self, settings: InboxSettings, mail: ReceivedMail, meet: Callable[[str], Fault | None]) -> None:
        self._settings = settings
        self._mail = mail
        self._meet = meet
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._searched = 0  # octets of the buffer that hold no end of content
        self._replies: list[bytes] = []
        self._in_content = False
        self._too_large = False
        self._delayed = False
        self._trickle: asyncio.Queue[bytes] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._fault: Fault | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._mail.counts.connections += 1
        self._write(b"220 " + _HOST + b" ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._delayed:
            self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        for task in self._tasks:
            task.cancel()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _work(self) -> None:
        while (
            self._transport is not None
            and not self._delayed
            and (self._content() if self._in_content else self._line())
        ):
            pass
        if self._replies:
            self._write(b"".join(self._replies))
            self._replies.clear()

    # Commands

    def _line(self) -> bool:
        """Work off one command line; False when there is no whole one."""
        buffer = self._buffer
        end = buffer.find(b"\r\n", 0, _LONGEST_LINE)
        if end < 0:
            if len(buffer) > _LONGEST_LINE:
                self._hang_up(b"421 4.5.2 line too long\r\n")
            return False
        line = bytes(buffer[:end])
        del buffer[: end + 2]
        command = self._COMMANDS.get(line[:4].upper())
        self._replies.append(command(self, line) if command else b"500 5.5.2 unknown command\r\n")
        return True

    def _ehlo(self, _line: bytes) -> bytes:
        self._reset()
        offers = b"PIPELINING", b"SIZE %d" % self._settings.largest, b"8BITMIME", b"SMTPUTF8"
        return b"".join(b"250-" + line + b"\r\n" for line in (_HOST, *offers)) + b"250 ENHANCEDSTATUSCODES\r\n"

    def _helo(self, _line: bytes) -> bytes:
        self._reset()
        return b"250 " + _HOST + b"\r\n"

    def _from(self, line: bytes) -> bytes:
        if self._sender is not None:
            return b"503 5.5.1 nested MAIL\r\n"
        path = _PATH.search(line)
        if path is None:
            return b"501 5.5.4 syntax: MAIL FROM:<address>\r\n"
        size = _SIZE.search(path[2])
        if size is not None and int(size[1]) > self._settings.largest:
            return b"552 5.3.4 message too large\r\n"
        self._sender = path[1].decode("utf-8", "replace")
        return b"250 2.1.0 Ok\r\n"

    def _rcpt(self, line: bytes) -> bytes:
        path = _PATH.search(line)
        if self._sender is None:
            return b"503 5.5.1 MAIL first\r\n"
        if path is None or not path[1]:
            return b"501 5.5.4 syntax: RCPT TO:<address>\r\n"
        recipient = path[1].decode("utf-8", "replace")
        fault = self._meet(recipient)
        if fault is Fault.PERMANENT:
            self._mail.counts.refused_permanent += 1
            return b"550 5.1.1 no such mailbox\r\n"
        self._recipients.append(recipient)
        self._fault = fault or self._fault
        return b"250 2.1.5 Ok\r\n"

    def _data(self, _line: bytes) -> bytes:
        if not self._recipients:
            return b"503 5.5.1 no valid recipients\r\n"
        if self._fault is Fault.DROP_BEFORE_DOT:
            self._mail.counts.dropped += 1
            self._hang_up()
            return b""
        if self._fault is Fault.TRICKLE and self._trickle is None:
            self._trickle = asyncio.Queue()
            self._start(self._drip(self._trickle))
        self._in_content = True
        self._searched = 0
        return b"354 End data with <CR><LF>.<CR><LF>\r\n"

    def _rset(self, _line: bytes) -> bytes:
        self._reset()
        return b"250 2.0.0 Ok\r\n"

    def _noop(self, _line: bytes) -> bytes:
        return b"250 2.0.0 Ok\r\n"

    def _vrfy(self, _line: bytes) -> bytes:
        return b"252 2.5.0 send it and see\r\n"

    def _quit(self, _line: bytes) -> bytes:
        self._hang_up(b"221 2.0.0 Bye\r\n")
        return b""

    _COMMANDS: Final[dict[bytes, Callable[[Receiver, bytes], bytes]]] = {
        b"EHLO": _ehlo,
        b"HELO": _helo,
        b"MAIL": _from,
        b"RCPT": _rcpt,
        b"DATA": _data,
        b"RSET": _rset,
        b"NOOP": _noop,
        b"VRFY": _vrfy,
        b"QUIT": _quit,
    }

    def _reset(self) -> None:
        self._sender = None
        self._recipients = []
        self._fault = None

    # Content

    def _content(self) -> bool:
        """Work off the content when its end is there; False when it is not."""
        buffer = self._buffer
        if self._searched < 3 and buffer.startswith(b".\r\n"):
            end, after = 0, 3
        else:
            # The line end before the dot belongs to the content.
            found = buffer.find(_END, max(0, self._searched - len(_END)))
            if found < 0:
                self._wait_for_more()
                return False
            end, after = found + 2, found + len(_END)
        content = bytes(memoryview(buffer)[:end])
        del buffer[:after]
        self._in_content = False
        self._answer(content)
        return True

    def _wait_for_more(self) -> None:
        """Remember how far the search went; of content that is too large, keep no more than could be part of its end."""
        if len(self._buffer) > self._settings.largest:
            self._too_large = True
            del self._buffer[: -len(_END)]
        self._searched = len(self._buffer)

    def _answer(self, content: bytes) -> None:
        counts, fault = self._mail.counts, self._fault
        if self._too_large or len(content) > self._settings.largest:
            self._too_large = False
            counts.refused_permanent += 1
            self._replies.append(b"552 5.3.4 message too large\r\n")
        elif fault is Fault.TEMPORARY:
            counts.refused_temporary += 1
            self._replies.append(b"451 4.3.0 try again later\r\n")
        elif fault is Fault.CLOSING:
            counts.refused_temporary += 1
            self._hang_up(b"421 4.3.2 closing\r\n")
        else:
            self._keep(content, fault)
        self._reset()

    def _keep(self, content: bytes, fault: Fault | None) -> None:
        if b"\n." in content or content.startswith(b"."):
            content = content.removeprefix(b".").replace(b"\n.", b"\n")
        withheld = fault is Fault.DROP_AFTER_DOT
        received = self._mail.keep(self._sender or "", tuple(self._recipients), content, "none" if withheld else "250")
        if withheld:
            self._mail.counts.dropped += 1
            self._hang_up()
        elif fault is Fault.DELAY:
            self._delayed = True
            self._start(self._delay(b"250 2.0.0 Ok: queued as %08d\r\n" % received.number))
        else:
            self._replies.append(b"250 2.0.0 Ok: queued as %08d\r\n" % received.number)

    # Ways to answer

    def _write(self, reply: bytes) -> None:
        if self._trickle is not None:
            self._trickle.put_nowait(reply)
        elif self._transport is not None:
            self._transport.write(reply)

    def _hang_up(self, *last: bytes) -> None:
        """Close once what has been answered so far, and ``last``, are written."""
        transport, self._replies = self._transport, [*self._replies, *last]
        if transport is not None:
            self._write(b"".join(self._replies))
            self._replies = []
            transport.close()
            self._transport = None

    def _start(self, coroutine: asyncio._CoroutineLike[None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _delay(self, reply: bytes) -> None:
        await asyncio.sleep(self._settings.faults.delay_seconds)
        self._delayed = False
        self._replies.append(reply)
        self._work()

    async def _drip(self, replies: asyncio.Queue[bytes]) -> None:
        while True:
            for octet in await replies.get():
                await asyncio.sleep(1)
                if self._transport is not None:
                    self._transport.write(bytes((octet,)))
