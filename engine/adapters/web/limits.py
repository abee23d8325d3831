"""How much a stranger may ask for: the size of a request, and the time that its body may take."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_TARGET = 8_192  # octets of path and query; a tracked link has at most half of it
BODY_SECONDS = 10.0
SMALL_BODY = 4_096  # an unsubscribe form is 26 octets
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex, nofollow"),
)


class Limits:
    """ASGI: refuses what is too long before any of it is worked on; ``bodies`` is the most octets of a body by path's beginning."""

    def __init__(self, app: ASGIApp, bodies: Mapping[str, int]) -> None:
        self._app = app
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        raw_path = scope.get("raw_path") or scope["path"].encode()
        if len(raw_path) + len(scope["query_string"]) > LONGEST_TARGET:
            await _refuse(send, 414)
            return
        most = next((size for path, size in self._bodies.items() if scope["path"].startswith(path)), SMALL_BODY)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(scope, receive, most)
        except TimeoutError:
            await _refuse(send, 408)
            return
        if body is None:
            await _refuse(send, 413)
            return
        await self._app(scope, _replay(body, receive), _with_headers(send))


async def _body(scope: Scope, receive: Receive, most: int) -> bytes | None:
    """The whole body, or None when it is too long or the caller has gone."""
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > most:
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_HEADERS]
        await send(message)

    return sent


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-length", b"0"), (b"connection", b"close"), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
