from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.delivery.message import Message, Outcome

SMTP_SINK = "/usr/sbin/smtp-sink"


@dataclass
class RecordingFeed:
    """Gives out messages and writes down what is done with them."""

    messages: list[Message]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    released: list[int] = field(default_factory=list)
    intended: list[int] = field(default_factory=list)
    on_intent: Callable[[Message], object] | None = None

    async def next(self) -> Message | None:
        return self.messages.pop(0) if self.messages else None

    async def intent(self, message: Message) -> bool:
        self.intended.append(message.index)
        if self.on_intent is not None:
            self.on_intent(message)
        await asyncio.sleep(0.02)
        return True

    def outcome(self, message: Message, outcome: Outcome) -> None:
        assert message.index not in self.outcomes
        assert message.index not in self.released
        self.outcomes[message.index] = outcome

    def release(self, message: Message) -> None:
        assert message.index not in self.outcomes
        assert message.index not in self.released
        self.released.append(message.index)

    def classes(self) -> dict[int, str]:
        return {index: outcome.outcome.value for index, outcome in self.outcomes.items()}


CLOSE, SILENCE, INTENT = "close", "silence", "intent"


@dataclass
class Drip:
    """A reply that comes one octet at a time, with this many seconds between."""

    reply: bytes
    seconds: float


@dataclass
class FaultyServer:
    """An SMTP server that follows a script.

    ``script`` says for a verb what is answered each time it comes, in order, and then what is usual; ``END`` is the final dot,
    ``BODY`` the moment after the 354. An answer is bytes, a ``Drip``, SILENCE, CLOSE, or INTENT, which waits
    for the event of that name; a tuple is several.
    """

    script: dict[str, list[object]]
    offers: tuple[bytes, ...] = (b"PIPELINING", b"8BITMIME", b"SIZE 1000000")
    commands: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    wait_for_more_after_dot: int = 0  # how many final dots are answered only when something has come behind them
    accepted: set[str] = field(default_factory=set)  # of MAIL and RCPT, in the present transaction
    intent: asyncio.Event = field(default_factory=asyncio.Event)  # what INTENT waits for
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def usual(self, verb: str) -> bytes:
        """What a sound server answers: 503 to RCPT without MAIL, and to DATA without a recipient."""
        if verb == "EHLO":
            lines = (b"faulty", *self.offers)
            return b"".join(b"250-" + line + b"\r\n" for line in lines) + b"250 HELP\r\n"
        if (verb == "RCPT" and "MAIL" not in self.accepted) or (verb == "DATA" and "RCPT" not in self.accepted):
            return b"503 5.5.1 out of order\r\n"
        return {"GREETING": b"220 faulty\r\n", "DATA": b"354 go\r\n", "QUIT": b"221 bye\r\n"}.get(verb, b"250 ok\r\n")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            await self._answer("GREETING", writer)
            behind = b""
            while line := behind + await reader.readline():
                behind = b""
                verb = line[:4].decode("latin-1").strip().upper()
                self.commands.append(line.decode("latin-1").rstrip("\r\n"))
                answered = await self._answer("STARTTLS" if verb == "STAR" else verb, writer)
                if answered.startswith(b"354"):
                    await self._answer("BODY", writer, otherwise=b"")
                    self.contents.append(await self._content(reader))
                    if self.wait_for_more_after_dot:
                        self.wait_for_more_after_dot -= 1
                        behind = await reader.readexactly(1)
                    await self._answer("END", writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _content(self, reader: asyncio.StreamReader) -> bytes:
        kept = b""
        while not (kept == b".\r\n" or kept.endswith(b"\r\n.\r\n")):
            line = await reader.readline()
            if not line:
                raise ConnectionResetError
            kept += line
        return kept[:-3]

    async def _answer(self, verb: str, writer: asyncio.StreamWriter, otherwise: bytes | None = None) -> bytes:
        scripted = self.script.get(verb)
        answer = scripted.pop(0) if scripted else self.usual(verb) if otherwise is None else otherwise
        answers = answer if isinstance(answer, tuple) else (answer,)
        for each in answers:
            if each == CLOSE:
                raise ConnectionResetError
            if each == SILENCE:
                await asyncio.sleep(60)
            elif each == INTENT:
                await self.intent.wait()
            elif isinstance(each, Drip):
                for octet in each.reply:
                    writer.write(bytes((octet,)))
                    await writer.drain()
                    await asyncio.sleep(each.seconds)
            else:
                writer.write(each)
                await writer.drain()
        answered = answers[0]
        if verb in ("EHLO", "RSET", "END"):
            self.accepted.clear()
        elif isinstance(answered, bytes) and answered.startswith(b"2"):
            self.accepted.add(verb)
        return answered if isinstance(answered, bytes) else b""


@asynccontextmanager
async def _serving(script: dict[str, list[object]], **more: object) -> AsyncIterator[FaultyServer]:
    faulty = FaultyServer(script, **more)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await faulty.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    faulty.port = server.sockets[0].getsockname()[1]
    try:
        yield faulty
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def drip() -> type[Drip]:
    return Drip


@pytest.fixture
def serving() -> Callable[..., object]:
    """``async with serving(script, offers=...) as server``: a FaultyServer on a free port."""
    return _serving


@pytest.fixture
def feed_of() -> type[RecordingFeed]:
    return RecordingFeed


@pytest.fixture
def message() -> Callable[..., Message]:
    def build(index: int, content: bytes | None = None, recipient: str | None = None) -> Message:
        recipient = recipient or f"customer{index}@example.com"
        content = content or b"Subject: number %d\r\n\r\nhello\r\n" % index
        return Message(index, index.to_bytes(16, "big"), "shop@example.com", recipient, content)

    return build


@dataclass
class Sink:
    """Postfix's smtp-sink, an independent receiver. Its dump files hold its own header, then the message with LF line ends."""

    port: int
    folder: Path

    def received(self) -> list[bytes]:
        dumps = (path.read_bytes() for path in self.folder.iterdir())
        return sorted(dump.split(b" (UTC)\n", 1)[1].removesuffix(b"\n").replace(b"\n", b"\r\n") for dump in dumps)


@pytest.fixture
def smtp_sink(request: pytest.FixtureRequest) -> Iterator[Sink]:
    """smtp-sink on a free port; ``request.param`` are further options. Skipped only where it is absent and CI is not set."""
    if not shutil.which(SMTP_SINK):
        missing = f"{SMTP_SINK} is absent; it comes with postfix"
        pytest.fail(missing) if "CI" in os.environ else pytest.skip(missing)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [*getattr(request, "param", ()), *(("-u", "nobody") if os.geteuid() == 0 else ())]
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)  # smtp-sink writes as nobody
        process = subprocess.Popen(
            [SMTP_SINK, *options, "-d", f"{name}/dump.", f"127.0.0.1:{port}", "128"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port, process)
            yield Sink(port, Path(name))
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(500):
        assert process.poll() is None, "smtp-sink ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    pytest.fail("smtp-sink does not listen")
