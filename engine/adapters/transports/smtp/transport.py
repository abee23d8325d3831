"""The SMTP transport: a relay, and sessions with it."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import SplitResult

from engine.adapters.transports.kind import TransportKind, malformed
from engine.adapters.transports.settings import TransportSettings
from engine.adapters.transports.smtp.connection import Connection
from engine.adapters.transports.smtp.errors import LostConnectionError
from engine.adapters.transports.smtp.lookahead import Lookahead
from engine.adapters.transports.smtp.opening import Relay, open_connection
from engine.adapters.transports.smtp.session import Session
from engine.adapters.transports.smtp.wakeup import Wakeup
from engine.adapters.transports.tls import tls_context
from engine.delivery.transport import Feed
from engine.errors import ServiceError

_PORTS: Final = {"smtp": 25, "smtps": 465}


class SmtpTransport:
    """Mail given to one relay; each session is one connection at a time."""

    def __init__(self, relay: Relay, settings: TransportSettings) -> None:
        self._relay = relay
        self._settings = settings
        self._tls = tls_context(settings)

    async def session(self, feed: Feed) -> None:
        news = Wakeup(asyncio.get_running_loop())

        async def connect() -> Connection:
            return await open_connection(self._relay, self._settings, self._tls, news)

        connection = await connect()
        session = Session(
            feed, connection, Lookahead(feed, news), self._settings.deadlines, self._settings.messages_per_connection
        )
        try:
            await session.run(connect)
        except LostConnectionError as lost:
            raise ServiceError.single("MR705", f"the connection to {self._relay} was lost: {lost}") from lost


def open_smtp(url: SplitResult, settings: TransportSettings) -> SmtpTransport:
    """``smtp://host[:port]`` or ``smtps://host[:port]``. Raises UsageError for anything more, a password among it."""
    if url.username is not None or url.password is not None:
        raise malformed(url, "a name or password in the URL", "give credentials by reference in the delivery settings")
    try:
        port = url.port or _PORTS[url.scheme]
    except ValueError as error:
        raise malformed(url, "a port that is no port", "smtp://host:port") from error
    if not url.hostname or url.path not in ("", "/") or url.query or url.fragment:
        raise malformed(url, "more or less than a host and a port", "smtp://host:port")
    return SmtpTransport(Relay(url.hostname, port, url.scheme == "smtps"), settings)


KIND: Final = TransportKind(
    name="smtp",
    schemes=("smtp", "smtps"),
    example="smtp://localhost:2525",
    summary="give mail to an SMTP relay",
    open=open_smtp,
)
