"""The transport over one HTTP interface."""

from __future__ import annotations

from engine.adapters.transports.providers.cooldown import Cooldown
from engine.adapters.transports.providers.provider import Provider
from engine.adapters.transports.settings import TransportSettings
from engine.adapters.transports.tls import tls_context
from engine.delivery.transport import Feed


class HttpTransport:
    """Mail given to one provider; each session is one connection, made with its first request."""

    def __init__(self, provider: Provider, settings: TransportSettings) -> None:
        self._provider = provider
        self._settings = settings
        self._tls = tls_context(settings)
        self._cooldown = Cooldown()

    @property
    def url(self) -> str:
        """Where the provider takes messages."""
        return self._provider.url

    async def session(self, feed: Feed) -> None:
        # The library takes longer to import than most commands to run, and only who sends in this way needs it.
        from engine.adapters.transports.providers.exchange import Exchange, open_client
        from engine.adapters.transports.providers.session import Session

        deadlines = self._settings.deadlines
        async with open_client(self._tls, deadlines) as client:
            exchange = Exchange(client, self._provider, deadlines)
            await Session(feed, exchange, self._provider, self._cooldown).run()
