"""The inbox: a receiving SMTP server on loopback, and its page."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from types import TracebackType
from typing import Self
from weakref import WeakSet

from engine.adapters.inbox.faults import draw
from engine.adapters.inbox.protocol import Receiver
from engine.adapters.inbox.received import Counts, Received, ReceivedMail
from engine.adapters.inbox.settings import InboxSettings
from engine.adapters.inbox.web import WebServer
from engine.errors import CannotCreateError, InputError, ServiceError


class Inbox:
    """Receives while it is entered: ``async with Inbox(InboxSettings()) as inbox``.

    Raises CannotCreateError when the folder or the log cannot be made, InputError when the certificate cannot be read, and
    ServiceError when a port cannot be had.
    """

    def __init__(self, settings: InboxSettings) -> None:
        self._settings = settings
        try:
            self._mail = ReceivedMail(settings)
        except OSError as error:
            raise CannotCreateError.single(
                "MR743", f"the inbox cannot keep mail: {error.strerror}: {error.filename}"
            ) from error
        self._receivers: WeakSet[Receiver] = WeakSet()
        self._server: asyncio.Server | None = None
        self._web: WebServer | None = None

    @property
    def port(self) -> int:
        """The SMTP port."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def web_port(self) -> int | None:
        return self._web.port if self._web else None

    @property
    def counts(self) -> Counts:
        return self._mail.counts

    @property
    def messages(self) -> tuple[Received, ...]:
        """The last messages, oldest first."""
        return tuple(self._mail.last)

    async def __aenter__(self) -> Self:
        settings = self._settings
        meet = draw(settings.faults)

        def receiver() -> Receiver:
            made = Receiver(settings, self._mail, meet)
            self._receivers.add(made)
            return made

        context = _tls_context(settings.certificate) if settings.certificate else None
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(receiver, settings.host, settings.port, ssl=context, backlog=1024)
            if settings.web_port is not None:
                self._web = WebServer(self._mail, settings.host, settings.web_port)
                await self._web.start()
        except (OSError, OverflowError) as error:
            await self._close()
            raise ServiceError.single(
                "MR741",
                f"the inbox cannot listen on {settings.host}: {getattr(error, 'strerror', None) or error}",
                help="choose another port",
            ) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._web is not None:
            await self._web.stop()
        if self._server is not None:
            self._server.close()
            for receiver in list(self._receivers):
                receiver.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), 5)
            await asyncio.sleep(0)
        self._mail.close()


def _tls_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError.single("MR744", f"{certificate} is no PEM file of key and certificate: {reason}") from error
    return context
