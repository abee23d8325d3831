"""Real receivers, two of which are others' work: the inbox, aiosmtpd and Postfix's smtp-sink."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from engine.adapters.inbox import Inbox, InboxSettings
from engine.adapters.transports import Credentials, StartTls, TransportSettings, open_transport
from engine.errors import ServiceError

ACCEPTED, REJECTED = "accepted", "rejected"


class Keeping:
    """An aiosmtpd handler that keeps what it gets."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.sessions: list[object] = []

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.kept.append(envelope.original_content)
        self.sessions.append(session)
        return "250 2.0.0 kept"


@asynccontextmanager
async def aiosmtpd(**options):
    handler = Keeping()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="localhost", **options), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1], handler


def authenticate(server, session, envelope, mechanism, credentials) -> AuthResult:
    # `handled` False: the server answers 535 itself.
    return AuthResult(success=(credentials.login, credentials.password) == (b"shop", b"right"), handled=False)


def server_tls(certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def many(message, count: int):
    """Messages of several sizes, some with dots at the beginning of lines and some in 8 bits."""
    bodies = (b"short\r\n", b".dot\r\n..\r\n.\r\n" * 3, "grüße\r\n".encode() * 40, (b"x" * 76 + b"\r\n") * 160)
    return [message(index, b"Subject: %d\r\n\r\n" % index + bodies[index % 4]) for index in range(count)]


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize(
    "smtp_sink", [(), ("-p",), ("-E",)], ids=["pipelined", "step by step", "no enhanced codes"], indirect=True
)
def test_smtp_sink(smtp_sink, connections, feed_of, message) -> None:
    messages = many(message, 60)
    feed = feed_of(list(messages))

    async def run() -> None:
        transport = open_transport(f"smtp://127.0.0.1:{smtp_sink.port}", TransportSettings())
        await asyncio.gather(*(transport.session(feed) for _ in range(connections)))

    asyncio.run(run())
    assert feed.classes() == dict.fromkeys(range(60), ACCEPTED)
    assert smtp_sink.received() == sorted(each.content for each in messages)


@pytest.mark.parametrize(
    "smtp_sink",
    [("-f", "RCPT"), ("-f", "MAIL"), ("-f", "DATA"), ("-f", ".")],
    ids=lambda option: option[1],
    indirect=True,
)
def test_smtp_sink_refuses(smtp_sink, feed_of, message) -> None:
    feed = feed_of(many(message, 5))
    asyncio.run(open_transport(f"smtp://127.0.0.1:{smtp_sink.port}", TransportSettings()).session(feed))
    assert feed.classes() == dict.fromkeys(range(5), REJECTED)


@pytest.mark.parametrize(
    "smtp_sink", [("-q", "DATA"), ("-q", "."), ("-Q", ".")], ids=lambda option: "".join(option), indirect=True
)
def test_smtp_sink_hangs_up(smtp_sink, feed_of, message, request) -> None:
    feed = feed_of(many(message, 3))
    with pytest.raises(ServiceError):
        asyncio.run(open_transport(f"smtp://127.0.0.1:{smtp_sink.port}", TransportSettings()).session(feed))
    becomes = {"-qDATA": {}, "-q.": {0: "unknown"}, "-Q.": {0: "deferred"}}
    assert feed.classes() == becomes[request.node.callspec.id]


def test_aiosmtpd_takes_what_is_sent(feed_of, message) -> None:
    async def run() -> None:
        async with aiosmtpd(enable_SMTPUTF8=True) as (port, handler):
            messages = many(message, 20)
            feed = feed_of(list(messages))
            await open_transport(f"smtp://127.0.0.1:{port}", TransportSettings()).session(feed)
            assert feed.classes() == dict.fromkeys(range(20), ACCEPTED)
            assert handler.kept == [each.content for each in messages]

    asyncio.run(run())


def test_utf8_addresses(feed_of, message) -> None:
    async def run() -> None:
        async with Inbox(InboxSettings()) as inbox:
            feed = feed_of([message(0, recipient="bärbel@example.com")])
            await open_transport(f"smtp://127.0.0.1:{inbox.port}", TransportSettings()).session(feed)
            assert feed.classes() == {0: ACCEPTED}
            assert inbox.messages[0].recipients == ("bärbel@example.com",)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("starttls", "secure"), [(StartTls.OFFERED, True), (StartTls.REQUIRED, True), (StartTls.NEVER, False)]
)
def test_starttls(starttls, secure, certificate, feed_of, message) -> None:
    async def run() -> None:
        async with aiosmtpd(tls_context=server_tls(certificate)) as (port, handler):
            feed = feed_of([message(index) for index in range(3)])
            settings = TransportSettings(starttls=starttls, ca_file=certificate)
            await open_transport(f"smtp://127.0.0.1:{port}", settings).session(feed)
            assert feed.classes() == dict.fromkeys(range(3), ACCEPTED)
            assert all((session.ssl is not None) is secure for session in handler.sessions)

    asyncio.run(run())


@pytest.mark.parametrize("implicit", [False, True], ids=["STARTTLS", "smtps"])
@pytest.mark.parametrize(
    ("host", "trusted", "verify", "passes"),
    [
        ("127.0.0.1", True, True, True),
        ("127.0.0.1", False, True, False),
        ("localhost", True, True, False),
        ("localhost", False, False, True),
    ],
    ids=["right", "unknown authority", "another host", "not verified"],
)
def test_certificates_are_verified(implicit, host, trusted, verify, passes, certificate, feed_of, message) -> None:
    settings = TransportSettings(ca_file=certificate if trusted else None, verify=verify)

    async def run() -> None:
        if implicit:
            async with Inbox(InboxSettings(certificate=certificate)) as inbox:
                await check(f"smtps://{host}:{inbox.port}")
        else:
            async with aiosmtpd(tls_context=server_tls(certificate)) as (port, _):
                await check(f"smtp://{host}:{port}")

    async def check(url: str) -> None:
        feed = feed_of([message(0)])
        if passes:
            await open_transport(url, settings).session(feed)
            assert feed.classes() == {0: ACCEPTED}
        else:
            with pytest.raises(ServiceError, match="not trusted"):
                await open_transport(url, settings).session(feed)
            assert feed.intended == []

    asyncio.run(run())


def test_tls_to_a_server_without_it(feed_of, message) -> None:
    async def run() -> None:
        async with Inbox(InboxSettings()) as inbox:
            with pytest.raises(ServiceError, match="TLS with"):
                await open_transport(f"smtps://127.0.0.1:{inbox.port}", TransportSettings()).session(
                    feed_of([message(0)])
                )

    asyncio.run(run())


@pytest.mark.parametrize("excluded", [[], ["PLAIN"]], ids=["PLAIN", "LOGIN"])
@pytest.mark.parametrize("password", ["right", "wrong"])
def test_auth(excluded, password, certificate, feed_of, message) -> None:
    async def run() -> None:
        options = {"authenticator": authenticate, "auth_required": True, "auth_exclude_mechanism": excluded}
        async with aiosmtpd(tls_context=server_tls(certificate), **options) as (port, handler):
            feed = feed_of([message(0)])
            settings = TransportSettings(credentials=Credentials("shop", password), ca_file=certificate)
            transport = open_transport(f"smtp://127.0.0.1:{port}", settings)
            if password == "right":
                await transport.session(feed)
                assert handler.kept == [message(0).content]
                assert handler.sessions[0].authenticated
            else:
                with pytest.raises(ServiceError, match="535") as raised:
                    await transport.session(feed)
                assert "wrong" not in str(raised.value)
                assert handler.kept == []

    asyncio.run(run())


def test_credentials_for_a_server_that_wants_none(feed_of, message) -> None:
    async def run() -> None:
        async with Inbox(InboxSettings()) as inbox:
            settings = TransportSettings(credentials=Credentials("shop", "secret"))
            with pytest.raises(ServiceError, match="offers neither AUTH PLAIN nor AUTH LOGIN"):
                await open_transport(f"smtp://127.0.0.1:{inbox.port}", settings).session(feed_of([message(0)]))

    asyncio.run(run())
