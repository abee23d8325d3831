"""The application on a socket of its own."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.errors import CannotCreateError

CONCURRENT = 500
IDLE_SECONDS = 15
LONGEST_HEAD = 65_536  # octets of a request that are not its body: request line, headers, sizes of chunks, trailers


class _Joined:
    """A transport that sends what is written in one turn of the loop in one go: uvicorn writes head and body one after the other,
    and to send them so costs more than to make them. For all but ``write`` and ``close`` it is the transport itself."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._written: list[bytes] = []

    def write(self, octets: bytes) -> None:
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(octets)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        if self._written:
            self._transport.write(b"".join(self._written))
            self._written.clear()


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, whose parser reads heads of any length; here they end."""

    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", _Joined(transport)))

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if self._head > LONGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head is too long.")

    def on_body(self, body: bytes) -> None:
        self._head -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head = 0
        super().on_message_complete()


class _Server(uvicorn.Server):
    """uvicorn, but a signal that ended it is not raised again: to be told to stop is no fault."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


class HttpServer:
    """Listens from the moment that it is made, so that its port is known; serves while ``run`` runs. Raises CannotCreateError.

    TLS is for a proxy in front of it, whose headers it does not believe.
    """

    def __init__(self, application: ASGIApp, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=1_024)
        except OSError as fault:
            raise CannotCreateError.single(
                "MR776",
                f"{host}:{port} cannot be listened on: {fault.strerror}",
                help="choose another host or port",
            ) from fault
        self._server = _Server(
            uvicorn.Config(
                application,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,  # its lines would hold tokens
                proxy_headers=False,
                server_header=False,
                limit_concurrency=CONCURRENT,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=10,
            )
        )

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def run(self) -> None:
        """Serve until interrupted or told to stop; what is being answered is answered first."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End soon; may be called from any thread."""
        self._server.should_exit = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
