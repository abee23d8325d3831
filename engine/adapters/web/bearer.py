"""Who may post events and triggers: whoever knows the token (RFC 6750). Asked before a body is read, so that strangers fill no memory."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send


class Bearer:
    """ASGI: lets requests pass whose path begins with one of ``paths`` and that bear ``token``; without a token there is no such path."""

    def __init__(self, app: ASGIApp, paths: Sequence[str], token: bytes | None) -> None:
        self._app = app
        self._paths = tuple(paths)
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        free = scope["type"] != "http" or not scope["path"].startswith(self._paths)
        if free or (self._token is not None and _bears(scope, self._token)):
            await self._app(scope, receive, send)
            return
        status, headers = (404, []) if self._token is None else (401, [(b"www-authenticate", b"Bearer")])
        headers += [(b"content-length", b"0"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _bears(scope: Scope, token: bytes) -> bool:
    given: bytes = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    scheme, _, value = given.partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(value.strip(), token)
