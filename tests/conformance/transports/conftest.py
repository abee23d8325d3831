from __future__ import annotations

import asyncio
import functools
import mailbox
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import fake_providers
import pytest
from aiosmtpd.smtp import SMTP
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.ses.models import ses_backends

from engine.adapters.inbox import Faults, Inbox, InboxSettings
from engine.adapters.transports import Credentials, TransportSettings, open_transport
from engine.delivery.message import Message, Outcome
from engine.delivery.transport import Transport

NO_FAULTS = Faults()


@dataclass
class RecordingFeed:
    """Gives out messages and writes down what is done with them. ``deny`` are indexes whose intent is refused."""

    messages: list[Message]
    deny: frozenset[int] = frozenset()
    events: list[tuple[str, int]] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    released: list[int] = field(default_factory=list)
    on_intent: Callable[[Message], None] | None = None
    endless: bool = False

    async def next(self) -> Message | None:
        if self.messages:
            message = self.messages.pop(0)
            self.events.append(("next", message.index))
            return message
        if self.endless:
            await asyncio.Event().wait()
        return None

    async def intent(self, message: Message) -> bool:
        await asyncio.sleep(0.01)  # as a ledger that syncs its disk
        self.events.append(("intent", message.index))
        if self.on_intent is not None:
            self.on_intent(message)
        return message.index not in self.deny

    def outcome(self, message: Message, outcome: Outcome) -> None:
        assert message.index not in self.outcomes
        assert message.index not in self.released
        self.events.append(("outcome", message.index))
        self.outcomes[message.index] = outcome

    def release(self, message: Message) -> None:
        assert message.index not in self.outcomes
        assert message.index not in self.released
        self.events.append(("release", message.index))
        self.released.append(message.index)

    @property
    def taken(self) -> set[int]:
        return {index for event, index in self.events if event == "next"}

    @property
    def given_back(self) -> set[int]:
        return set(self.outcomes) | set(self.released)


@dataclass
class Kind:
    """A transport (and what it was opened with) and a way to see what it delivered, None when nothing leaves the process.

    ``seen`` is how a message looks there: its octets, or what a provider is told that writes it anew. ``batch`` messages go at once.
    """

    transport: Transport
    delivered: Callable[[], list[object]] | None
    seen: Callable[[Message], object] = lambda message: bytes(message.content)
    batch: int = 1
    url: str = ""
    settings: TransportSettings = field(default_factory=TransportSettings)

    def all_seen(self, messages: Iterable[Message]) -> list[object]:
        return sorted(self.seen(message) for message in messages)


class Keeping:
    """An aiosmtpd handler that keeps what it gets."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802 - aiosmtpd's name
        self.kept.append(envelope.original_content)
        return "250 kept"


@asynccontextmanager
async def smtp(path: Path, certificate: Path, faults: Faults = NO_FAULTS) -> AsyncIterator[Kind]:
    async with Inbox(InboxSettings(faults=faults)) as inbox:
        url = f"smtp://127.0.0.1:{inbox.port}"
        transport = open_transport(url, TransportSettings())
        yield Kind(transport, lambda: [received.content for received in inbox.messages], url=url)


@asynccontextmanager
async def smtps(path: Path, certificate: Path, faults: Faults = NO_FAULTS) -> AsyncIterator[Kind]:
    async with Inbox(InboxSettings(certificate=certificate, faults=faults)) as inbox:
        settings = TransportSettings(ca_file=certificate)
        transport = open_transport(f"smtps://127.0.0.1:{inbox.port}", settings)
        yield Kind(transport, lambda: [received.content for received in inbox.messages])


@asynccontextmanager
async def smtp_few_at_a_time(path: Path, certificate: Path, faults: Faults = NO_FAULTS) -> AsyncIterator[Kind]:
    """Connections that are renewed after every third message."""
    async with Inbox(InboxSettings(faults=faults)) as inbox:
        settings = TransportSettings(messages_per_connection=3)
        transport = open_transport(f"smtp://127.0.0.1:{inbox.port}", settings)
        yield Kind(transport, lambda: [received.content for received in inbox.messages])


@asynccontextmanager
async def smtp_step_by_step(path: Path, certificate: Path) -> AsyncIterator[Kind]:
    """An independent server, without PIPELINING."""
    handler = Keeping()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="localhost", enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield Kind(open_transport(f"smtp://127.0.0.1:{port}", TransportSettings()), lambda: list(handler.kept))


@asynccontextmanager
async def folder(path: Path, certificate: Path) -> AsyncIterator[Kind]:
    url = f"file://{path}/mail"
    transport = open_transport(url, TransportSettings())
    yield Kind(transport, lambda: [file.read_bytes() for file in sorted((path / "mail").glob("*.eml"))], url=url)


@asynccontextmanager
async def mbox(path: Path, certificate: Path) -> AsyncIterator[Kind]:
    file = path / "all.mbox"
    transport = open_transport(f"file://{file}", TransportSettings())

    def delivered() -> list[bytes]:
        """Read with the standard library; CRLF is LF in an mbox, and quoted From lines are mboxrd's to undo."""
        box = mailbox.mbox(file, create=False)
        try:
            raw = [box.get_bytes(key) for key in box.iterkeys()]
        finally:
            box.close()
        return [re.sub(rb"(?m)^>(>*From )", rb"\1", each).replace(b"\n", b"\r\n") for each in raw]

    yield Kind(transport, delivered, url=f"file://{file}")


@asynccontextmanager
async def rehearsal(path: Path, certificate: Path) -> AsyncIterator[Kind]:
    yield Kind(open_transport("rehearsal:", TransportSettings(slow_seconds=0.01)), None, url="rehearsal:")


def told(message: Message) -> fake_providers.Seen:
    """What a provider should be told of the messages here, which have no MIME header."""
    header, _, body = bytes(message.content).partition(b"\r\n\r\n")
    subject = re.search(rb"(?m)^Subject: (.*?)\r?$", header)
    return message.recipient, subject[1].decode(), body.decode().replace("\r\n", "\n"), ""


def of_provider(kind: str, *, batch: int = 1, option: str = "", raw: bool = False) -> Callable[..., object]:
    """The opener of an HTTP provider's transport to a fake of it; ``batch`` is the most messages in a request."""

    @asynccontextmanager
    async def opener(path: Path, certificate: Path, always: str | None = None) -> AsyncIterator[Kind]:
        async with fake_providers.provider(kind, always=always) as fake:
            settings = TransportSettings(credentials=Credentials.of("sesame"))
            url = f"http+{kind}://127.0.0.1:{fake.port}{option}"
            transport = open_transport(url, settings)
            if raw:
                yield Kind(transport, lambda: [each.message for each in fake.taken], url=url, settings=settings)
            else:
                yield Kind(
                    transport,
                    lambda: [fake_providers.seen(kind, each.message) for each in fake.taken],
                    told,
                    batch,
                    url,
                    settings,
                )

    return opener


@functools.cache
def moto_port() -> int:
    """One moto server for all tests, as long as they run."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    return port


@asynccontextmanager
async def ses(path: Path, certificate: Path) -> AsyncIterator[Kind]:
    """moto's Amazon SES, an implementation of its interface that is not ours."""
    port = moto_port()
    backend = ses_backends["123456789012"]["eu-west-1"]
    backend.reset()
    backend.verify_email_address("shop@example.com")
    settings = TransportSettings(credentials=Credentials.of("AKIDEXAMPLE:secret"))
    url = f"http+ses://127.0.0.1:{port}/eu-west-1"
    transport = open_transport(url, settings)
    yield Kind(
        transport, lambda: [sent.raw_data.encode() for sent in backend.sent_messages], url=url, settings=settings
    )


HTTP = {
    "postmark": of_provider("postmark", batch=500),
    "postmark_one_by_one": of_provider("postmark", option="?batch=1"),
    "postmark_few_at_a_time": of_provider("postmark", batch=3, option="?batch=3"),
    "sendgrid": of_provider("sendgrid"),
    "resend": of_provider("resend", batch=100),
    "resend_one_by_one": of_provider("resend", option="?batch=1"),
    "webhook": of_provider("webhook", option="/hook", raw=True),
}
OPENERS = {
    **{
        each.__name__: each
        for each in (smtp, smtps, smtp_few_at_a_time, smtp_step_by_step, folder, mbox, rehearsal, ses)
    },
    **HTTP,
}


@pytest.fixture(params=OPENERS)
def opened(request: pytest.FixtureRequest, tmp_path: Path, certificate: Path) -> object:
    """An asynchronous context that gives a ``Kind``, of every kind."""
    return OPENERS[request.param](tmp_path, certificate)


@pytest.fixture(params=[name for name in OPENERS if name != "rehearsal"])
def delivering(request: pytest.FixtureRequest, tmp_path: Path, certificate: Path) -> object:
    """The same, of every kind that delivers anything."""
    return OPENERS[request.param](tmp_path, certificate)


@pytest.fixture(params=["folder", *(name for name in HTTP if name.startswith(("postmark", "sendgrid")))])
def searched(request: pytest.FixtureRequest, tmp_path: Path, certificate: Path) -> object:
    """The same, of every kind that can be asked for the message with a delivery key."""
    return OPENERS[request.param](tmp_path, certificate)


@pytest.fixture(params=["smtp", "mbox", "rehearsal", "ses", "webhook", "resend", "resend_one_by_one"])
def mute(request: pytest.FixtureRequest, tmp_path: Path, certificate: Path) -> object:
    """The same, of every other kind."""
    return OPENERS[request.param](tmp_path, certificate)


@pytest.fixture(params=["smtp", "smtps", "smtp_few_at_a_time", "rehearsal", *HTTP])
def forgetting(request: pytest.FixtureRequest, tmp_path: Path, certificate: Path) -> object:
    """The same, of every kind whose reply to the final dot can get lost, and does for recipients ``timeout@``."""
    if request.param == "rehearsal":
        return rehearsal(tmp_path, certificate)
    fault = fake_providers.DROP if request.param in HTTP else Faults(drop_after_dot=1.0)
    return OPENERS[request.param](tmp_path, certificate, fault)


@pytest.fixture
def feed_of() -> type[RecordingFeed]:
    return RecordingFeed


@pytest.fixture
def message() -> Callable[..., Message]:
    def build(index: int, content: bytes | None = None, recipient: str | None = None) -> Message:
        recipient = recipient or f"customer{index}@example.com"
        content = content or b"Subject: number %d\r\nTo: %s\r\n\r\nhello\r\n" % (index, recipient.encode())
        return Message(index, index.to_bytes(16, "big"), "shop@example.com", recipient, content)

    return build
