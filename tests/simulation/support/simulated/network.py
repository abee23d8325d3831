"""Connections to a mail server: bytes arrive late, in order, or never."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from simulated.faults import Fault, Luck


class Host(Protocol):
    """The process that opens a connection: when it wrote final dots, and how much longer its next write takes."""

    wires: list[Wire]
    dots: list[float]
    stall: float


HOST: ContextVar[Host] = ContextVar("host")
TICK = 1e-7  # timers of one instant run in no order
_ROW = re.compile(rb"RCPT TO:<to(\d+)@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that the server has taken: its row, its bytes, and when (seconds of the loop)."""

    row: int
    content: bytes
    at: float


class Wire(asyncio.Transport):
    """The client's end."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, luck: Luck, protocol: asyncio.Protocol, dots: list[float]
    ) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1)})
        self._dots = dots
        self._loop = loop
        self._luck = luck
        self._protocol = protocol
        self._last = {"there": 0.0, "back": 0.0}
        self._closed = False
        self.receive: Callable[[bytes], None] = _nothing

    def write(self, data: Any) -> None:
        if not self._closed:
            if bytes(data[:3]) == b".\r\n":
                self._dots.append(self._loop.time())
            self._later("there", 0.0, self._give, bytes(data))

    def reply(self, data: bytes, delay: float) -> None:
        self._later("back", delay, self._arrive, data)

    def abort(self) -> None:
        self._end(None)

    close = abort

    def cut(self) -> None:
        """The connection breaks, and what is under way on it is lost."""
        self.receive = _nothing
        self._end(ConnectionResetError())

    def is_closing(self) -> bool:
        return self._closed

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def _give(self, data: bytes) -> None:
        self.receive(data)

    def _arrive(self, data: bytes) -> None:
        if not self._closed:
            self._protocol.data_received(data)

    def _end(self, fault: Exception | None) -> None:
        if not self._closed:
            self._closed = True
            self._loop.call_soon(self._protocol.connection_lost, fault)

    def _later(self, way: str, delay: float, act: Callable[..., None], *args: Any) -> None:
        self._last[way] = max(self._last[way] + TICK, self._loop.time() + delay + self._luck.latency())
        self._loop.call_at(self._last[way], act, *args)


def _nothing(_: bytes) -> None: ...


class Network:
    """The server and all ways to it. ``arrivals`` is what it has taken."""

    def __init__(self, luck: Luck) -> None:
        self.luck = luck
        self.pipelining = luck.random.random() < 0.8
        self.arrivals: list[Arrival] = []

    async def connect(self, protocol_factory: Callable[[], asyncio.Protocol]) -> tuple[Wire, asyncio.Protocol]:
        await asyncio.sleep(self.luck.latency())
        if self.luck.meets(Fault.REFUSE):
            raise ConnectionRefusedError("refused")
        protocol = protocol_factory()
        host = HOST.get()
        wire = Wire(asyncio.get_running_loop(), self.luck, protocol, host.dots)
        host.wires.append(wire)
        protocol.connection_made(wire)
        _ServerEnd(self, wire).greet()
        return wire, protocol


class _ServerEnd:
    """The server's side of one connection, one command at a time."""

    def __init__(self, network: Network, wire: Wire) -> None:
        self._network = network
        self._wire = wire
        self._buffer = b""
        self._in_content = False
        self._row: int | None = None
        self._sender = False
        wire.receive = self._receive

    def greet(self) -> None:
        self._answer(b"220 simulated")

    def _receive(self, data: bytes) -> None:
        self._buffer += data
        while self._step():
            pass

    def _step(self) -> bool:
        if self._in_content:
            content, dot, rest = self._buffer.partition(b"\r\n.\r\n")
            if not dot:
                return False
            arrival = Arrival(self._row or 0, content, asyncio.get_running_loop().time())
            self._buffer, self._in_content, self._sender, self._row = rest, False, False, None
            self._answer(b"250 2.0.0 taken", lambda: self._network.arrivals.append(arrival))
            return True
        line, end, rest = self._buffer.partition(b"\r\n")
        if not end:
            return False
        self._buffer = rest
        self._command(line)
        return True

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._answer(
                b"250-simulated\r\n250-PIPELINING\r\n250 8BITMIME" if self._network.pipelining else b"250 simulated"
            )
        elif verb == b"MAIL":
            self._answer(b"250 2.1.0 fine", self._begin)
        elif verb == b"RCPT" and self._sender and (found := _ROW.match(line)):
            row = int(found[1])
            self._answer(b"250 2.1.5 fine", lambda: self._address(row))
        elif verb == b"DATA" and self._row is not None:
            self._answer(b"354 go on", self._open)
        elif verb in (b"RSET", b"QUIT"):
            self._sender, self._row = False, None
            self._wire.reply(b"250 2.0.0 fine\r\n" if verb == b"RSET" else b"221 2.0.0 bye\r\n", 0.0)
        else:
            self._wire.reply(b"503 5.5.1 not now\r\n", 0.0)

    def _answer(self, reply: bytes, effect: Callable[[], None] = lambda: None) -> None:
        """Do it and say so, unless something goes wrong."""
        luck, wire = self._network.luck, self._wire
        fault = luck.first(
            Fault.DROP, Fault.DROP_AFTER, Fault.SLOW, Fault.TEMPORARY, Fault.PERMANENT, Fault.CLOSING, Fault.GARBAGE
        )
        delay = 0.0
        if fault is Fault.DROP:
            wire.cut()
            return
        if fault in (Fault.TEMPORARY, Fault.PERMANENT, Fault.CLOSING):
            code = {Fault.TEMPORARY: b"451 4.3.0", Fault.PERMANENT: b"550 5.1.1", Fault.CLOSING: b"421 4.3.2"}[fault]
            wire.reply(code + b" no\r\n", delay)
            if fault is Fault.CLOSING:
                wire.receive = _nothing
            return
        effect()
        if fault is Fault.DROP_AFTER:
            wire.cut()
            return
        if fault is Fault.SLOW:
            delay = luck.random.choice((0.5, 5.0, 100.0, 1_500.0))
        wire.reply(b"what\r\n" if fault is Fault.GARBAGE else reply + b"\r\n", delay)

    def _begin(self) -> None:
        self._sender = True

    def _address(self, row: int) -> None:
        self._row = row

    def _open(self) -> None:
        self._in_content = True
