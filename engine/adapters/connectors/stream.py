"""Customers and events from a stream that may never end, such as standard input."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator

from engine.adapters.connectors.files import CHUNK, TEXT
from engine.audience.connector import Page
from engine.audience.incoming import Reading
from engine.errors import UsageError

WAIT_SECONDS = 1.0


class StreamConnector:
    """The text of an open file. What has come in is given after a second at the latest, so that it is soon durable."""

    def __init__(self, descriptor: int, reading: Reading, format: str | None, name: str = "standard input") -> None:
        """Raises UsageError (MR788) for a format that is none, or cannot be read as it comes in."""
        if format not in TEXT:
            raise UsageError.single(
                "MR788",
                f"{name} is read as it comes in: its format must be said"
                if format is None
                else f"{format} is no stream",
                help=f"--format {' or '.join(TEXT)}",
            )
        self._descriptor = descriptor
        self._reading = reading
        self._format = format
        self.name = name

    def pages(self, cursor: str | None) -> Iterator[Page]:
        for number, each in enumerate(TEXT[self._format](self._chunks(), self.name, self._reading)):
            yield Page(f"{self.name}#{number}", each.rows, each.refused, None)

    def _chunks(self) -> Iterator[bytes]:
        while True:
            chunk = bytearray(os.read(self._descriptor, CHUNK))
            if not chunk:
                return
            until = time.monotonic() + WAIT_SECONDS
            ended = False
            while not ended and len(chunk) < CHUNK and self._ready(until - time.monotonic()):
                more = os.read(self._descriptor, CHUNK - len(chunk))
                chunk += more
                ended = not more
            yield bytes(chunk)

    def _ready(self, seconds: float) -> bool:
        return seconds > 0 and bool(select.select([self._descriptor], [], [], seconds)[0])
