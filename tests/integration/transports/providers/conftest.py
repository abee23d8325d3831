from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import fake_providers
import pytest

from engine.adapters.transports import Credentials, Deadlines, TransportSettings, open_transport
from engine.adapters.transports.providers import exchange
from engine.delivery.transport import Transport

CREDENTIALS = {"ses": "AKIDEXAMPLE:wJalrXUtnFEMI"}
PATHS = {"ses": "/eu-west-1", "webhook": "/hook"}


@dataclass
class Line:
    """A transport, and the provider at its other end."""

    transport: Transport
    fake: fake_providers.FakeProvider


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that goes again need not wait in a test."""
    monkeypatch.setattr(exchange, "AGAIN_AFTER", (0.0, 0.01, 0.02))


@pytest.fixture
def line() -> Callable[..., Any]:
    """``async with line(kind, option, ...)``: a ``Line``; further arguments are the fake's."""

    @asynccontextmanager
    async def opened(kind: str, option: str = "", credentials: str | None = None, **more: Any) -> AsyncIterator[Line]:
        async with fake_providers.provider(kind, **more) as fake:
            settings = TransportSettings(
                credentials=Credentials.of(credentials or CREDENTIALS.get(kind, "sesame")),
                deadlines=Deadlines(connect=2, tls=2, end=0.5),
            )
            url = f"http+{kind}://127.0.0.1:{fake.port}{PATHS.get(kind, '')}{option}"
            yield Line(open_transport(url, settings), fake)

    return opened
