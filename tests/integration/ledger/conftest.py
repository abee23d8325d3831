"""A way to the database that can be cut at any moment."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest


class Way:
    """Forwards to a server. ``cut_after`` lets so many more requests through and cuts the connection instead of the last's reply."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.closed = False
        self.cut_after: int | None = None
        self.cuts = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.closed:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            self._open += [client, server]
            threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
            threading.Thread(target=self._replies, args=(client, server), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        self._pass(client, server, self._request)

    def _replies(self, client: socket.socket, server: socket.socket) -> None:
        self._pass(server, client, lambda: self.cut_after != 0)

    def _request(self) -> bool:
        if self.cut_after:
            self.cut_after -= 1
        return True

    def _pass(self, source: socket.socket, sink: socket.socket, allowed: Any) -> None:
        with contextlib.suppress(OSError):
            while read := source.recv(65_536):
                if not allowed():
                    self.cut_after, self.cuts = None, self.cuts + 1
                    break
                sink.sendall(read)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def way(postgres: Any) -> Iterator[Way]:
    way = Way(postgres.port)
    yield way
    way.close()
