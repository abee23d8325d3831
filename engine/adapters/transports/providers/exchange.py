"""One request and its reply.

    we                                        the interface
    connect, TLS                         ->
    headers, with the body's length      ->
    the intents are made durable
    body                                 ->
                                         <-   status for all, or for each

The body is made by a generator that asks for the intents before it gives anything: without them no octet of it can go out, and a
request whose body does not follow is none (RFC 9112 section 8). What fails before is definitely not sent. What fails after may have
been: it is asked again only where the interface knows the request's key, and then gets the same answer.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Final

import httpx

from engine.adapters.transports.providers.parcel import Parcel
from engine.adapters.transports.providers.provider import Provider, Reply, Request
from engine.adapters.transports.settings import Deadlines
from engine.delivery.message import Message
from engine.errors import ServiceError

AGAIN_AFTER: Final = (0.0, 0.5, 2.0)
"""Seconds before a request with a key is sent again; the first time at once, since most replies are lost with an idle connection."""


def open_client(tls: ssl.SSLContext, deadlines: Deadlines) -> httpx.AsyncClient:
    """Deadlines are for whole exchanges and not for single reads, but for connecting: what is cancelled in its handshake stays open.

    A proxy or a .netrc of the environment changes nothing.
    """
    return httpx.AsyncClient(verify=tls, timeout=httpx.Timeout(None, connect=deadlines.connect), trust_env=False)


class DeniedError(Exception):
    """At least one intent was denied; nothing of the body was sent."""


class Exchange:
    """Requests over one connection at a time."""

    def __init__(self, client: httpx.AsyncClient, provider: Provider, deadlines: Deadlines) -> None:
        self._client = client
        self._provider = provider
        self._deadlines = deadlines

    async def send(self, parcel: Parcel, messages: Sequence[Message], request: Request) -> Reply:
        """The reply. Raises DeniedError, and ServiceError when there was no connection, or no reply in time: ``parcel`` knows then
        whether the messages are in doubt."""
        deadlines = self._deadlines
        try:
            async with asyncio.timeout(deadlines.connect + deadlines.tls) as limit:
                return await self._persistent(parcel, messages, request, limit)
        except TimeoutError as late:
            raise self._lost(parcel, messages, "no answer in time") from late

    async def _persistent(
        self, parcel: Parcel, messages: Sequence[Message], request: Request, limit: asyncio.Timeout
    ) -> Reply:
        waits = AGAIN_AFTER if self._provider.capabilities.remembers else ()
        for wait in (*waits, None):
            try:
                reply = await self._once(parcel, messages, request, limit)
                if reply.status not in self._provider.doubtful:
                    return reply
                reason = f"status {reply.status}"
            except (httpx.TransportError, httpx.DecodingError) as fault:
                reason = _words(fault)
            if wait is None or not parcel.is_doubtful(messages):
                break
            await asyncio.sleep(wait)
        raise self._lost(parcel, messages, reason)

    async def _once(
        self, parcel: Parcel, messages: Sequence[Message], request: Request, limit: asyncio.Timeout
    ) -> Reply:
        async def body() -> AsyncIterator[bytes]:
            if not parcel.is_doubtful(messages):
                limit.reschedule(None)  # the ledger takes the time that it takes
                if not await parcel.ask(messages):
                    raise DeniedError
                limit.reschedule(asyncio.get_running_loop().time() + self._deadlines.end)
                parcel.doubt(messages)
            yield request.body

        headers = {**request.headers, "Content-Length": str(len(request.body))}
        response = await self._client.post(request.url, headers=headers, content=body())
        return Reply(response.status_code, response.headers, response.content)

    def _lost(self, parcel: Parcel, messages: Sequence[Message], reason: str) -> ServiceError:
        if parcel.is_doubtful(messages):
            parcel.reason = reason
            return ServiceError.single("MR752", f"the reply of {self._provider.name} was lost: {reason}")
        return ServiceError.single("MR751", f"no connection to {self._provider.name}: {reason}")


def _words(fault: Exception) -> str:
    """The fault in words; what the library says of it names hosts and systems' reasons, no message."""
    return str(fault) or type(fault).__name__
