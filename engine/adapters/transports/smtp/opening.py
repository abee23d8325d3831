"""From an address to a connection that is ready for MAIL: greeting, EHLO, STARTTLS or implicit TLS, AUTH."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from engine.adapters.transports.settings import Credentials, StartTls, TransportSettings
from engine.adapters.transports.smtp import commands
from engine.adapters.transports.smtp.connection import Connection
from engine.adapters.transports.smtp.core import Command, Reply
from engine.adapters.transports.smtp.errors import SmtpError
from engine.adapters.transports.smtp.states import State
from engine.adapters.transports.smtp.wakeup import Wakeup
from engine.delivery.outcomes import classify
from engine.errors import ServiceError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Relay:
    """The server that mail is given to. ``implicit_tls`` is smtps: TLS before the first word (RFC 8314)."""

    host: str
    port: int
    implicit_tls: bool

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


async def open_connection(relay: Relay, settings: TransportSettings, tls: ssl.SSLContext, news: Wakeup) -> Connection:
    """A connection in state READY. Raises ServiceError when it cannot be had, with nothing left open."""
    connection = Connection(news)
    try:
        await _connect(connection, relay, settings, tls)
        await _greet(connection, relay, settings, tls)
    except ssl.SSLError as error:
        await connection.close()
        raise _tls_error(relay, error) from error
    except (OSError, SmtpError) as error:
        await connection.close()
        reason = str(error) or type(error).__name__
        raise ServiceError.single("MR701", f"no SMTP connection to {relay}: {reason}") from error
    except BaseException:
        await connection.close()
        raise
    return connection


async def _connect(connection: Connection, relay: Relay, settings: TransportSettings, tls: ssl.SSLContext) -> None:
    loop = asyncio.get_running_loop()
    seconds = settings.deadlines.connect
    try:
        async with asyncio.timeout(seconds):
            await loop.create_connection(
                lambda: connection,
                relay.host,
                relay.port,
                ssl=tls if relay.implicit_tls else None,
                server_hostname=relay.host if relay.implicit_tls else None,
            )
    except TimeoutError as error:
        raise OSError(f"no connection within {seconds:g} seconds") from error


async def _greet(connection: Connection, relay: Relay, settings: TransportSettings, tls: ssl.SSLContext) -> None:
    deadlines = settings.deadlines
    greeting = await connection.reply(deadlines.greeting)
    _demand(greeting, relay, "greets")
    await _hello(connection, relay, settings)
    capabilities = connection.core.capabilities
    if not connection.is_secure and settings.starttls is not StartTls.NEVER:
        if capabilities.starttls:
            await _exchange(connection, commands.STARTTLS, relay, deadlines.tls)
            await connection.secure(tls, relay.host, deadlines.tls)
            await _hello(connection, relay, settings)
        elif settings.starttls is StartTls.REQUIRED:
            raise ServiceError.single("MR702", f"{relay} does not offer STARTTLS, which the settings require")
    if settings.credentials is not None:
        await _authenticate(connection, settings.credentials, relay, deadlines.auth)


async def _hello(connection: Connection, relay: Relay, settings: TransportSettings) -> None:
    name = settings.local_name or connection.local_address
    await _exchange(connection, commands.ehlo(name), relay, settings.deadlines.hello)


async def _authenticate(connection: Connection, credentials: Credentials, relay: Relay, seconds: float) -> None:
    """PLAIN when offered, else LOGIN; never in plain text to another host (RFC 4954 section 4)."""
    if not connection.is_secure and relay.host not in _LOOPBACK:
        raise ServiceError.single(
            "MR703",
            f"credentials are not sent to {relay} without TLS",
            help="use smtps://, or a server that offers STARTTLS",
        )
    mechanisms = connection.core.capabilities.mechanisms
    if "PLAIN" in mechanisms:
        reply = await _exchange(
            connection, commands.auth_plain(credentials.username, credentials.password), relay, seconds
        )
    elif "LOGIN" in mechanisms:
        reply = await _exchange(connection, commands.AUTH_LOGIN, relay, seconds)
        for answer in (credentials.username, credentials.password):
            if connection.core.state is State.CHALLENGED:
                reply = await _exchange(connection, commands.auth_response(answer), relay, seconds)
    else:
        raise ServiceError.single("MR703", f"{relay} offers neither AUTH PLAIN nor AUTH LOGIN")
    if connection.core.state is not State.READY:
        raise ServiceError.single("MR703", f"{relay} asks for more than a name and a password ({reply.code})")


async def _exchange(connection: Connection, command: Command, relay: Relay, seconds: float) -> Reply:
    connection.send((command,))
    reply = await connection.reply(seconds)
    _demand(reply, relay, f"answers {command.verb}")
    return reply


def _demand(reply: Reply, relay: Relay, what: str) -> None:
    if reply.refused:
        outcome = classify(reply.code, None, reply.raw.text)
        detail = f" ({outcome.detail})" if outcome.detail else ""
        raise ServiceError.single("MR704", f"{relay} {what} with {reply.code}{detail}")


def _tls_error(relay: Relay, error: ssl.SSLError) -> ServiceError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return ServiceError.single(
            "MR702",
            f"the certificate of {relay} is not trusted: {error.verify_message}",
            help="name the authority's file in the delivery settings, or the host that the certificate is for",
        )
    return ServiceError.single("MR702", f"TLS with {relay} failed: {error.reason or error}")
