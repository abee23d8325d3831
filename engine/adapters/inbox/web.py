"""The inbox's page: what came in, and each message as a person would see it, with nothing in it able to act.

A message's HTML is a stranger's. It is shown in a frame whose sandbox allows nothing, under a policy that lets it load
nothing from anywhere: no script runs, no picture calls home.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any, Final

import jinja2
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from engine.adapters.inbox.received import Received, ReceivedMail, message_id

_OURS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
_THEIRS: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_LOOPBACK: Final = ("127.0.0.1", "localhost")


class Pages:
    """The responses. They run on the event loop that receives, so none of them sees the mail half-changed."""

    def __init__(self, mail: ReceivedMail) -> None:
        self._mail = mail
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "pages"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )

    def application(self, host: str) -> Starlette:
        """A page on loopback answers to loopback's names only, so that no other site's name can be led to it."""
        return Starlette(
            routes=[
                Route("/", self.index),
                Route("/messages/{number:int}", self.message),
                Route("/messages/{number:int}/html", self.html_part),
                Route("/messages/{number:int}/source", self.source),
                Route("/api/counts", self.counts),
                Route("/api/messages", self.messages),
            ],
            middleware=[
                Middleware(
                    TrustedHostMiddleware,
                    allowed_hosts=_LOOPBACK if host in _LOOPBACK else ("*",),
                    www_redirect=False,
                )
            ],
        )

    async def index(self, _request: Request) -> Response:
        page = self._templates.get_template("index.html.j2")
        return HTMLResponse(page.render(rows=self._summaries(), counts=self._mail.counts), headers=_OURS)

    async def message(self, request: Request) -> Response:
        received = self._find(request)
        page = self._templates.get_template("message.html.j2")
        text, html = _part(received, "plain"), _part(received, "html")
        rendered = page.render(message=_summary(received), text=text, has_html=html is not None)
        return HTMLResponse(rendered, headers=_OURS)

    async def html_part(self, request: Request) -> Response:
        return HTMLResponse(_part(self._find(request), "html") or "", headers=_THEIRS)

    async def source(self, request: Request) -> Response:
        return PlainTextResponse(self._find(request).content.decode("utf-8", "replace"), headers=_THEIRS)

    async def counts(self, _request: Request) -> Response:
        return JSONResponse(self._mail.counts.as_dict())

    async def messages(self, _request: Request) -> Response:
        return JSONResponse(self._summaries())

    def _summaries(self) -> list[dict[str, Any]]:
        return [_summary(received) for received in reversed(self._mail.last)]

    def _find(self, request: Request) -> Received:
        received = self._mail.find(request.path_params["number"])
        if received is None:
            raise HTTPException(404, "no such message, or no longer kept")
        return received


def _parse(received: Received) -> EmailMessage:
    return email.message_from_bytes(received.content, EmailMessage, policy=email.policy.default)


def _summary(received: Received) -> dict[str, Any]:
    return {
        "number": received.number,
        "at": datetime.fromtimestamp(received.at, UTC).isoformat(timespec="seconds"),
        "sender": received.sender,
        "recipients": list(received.recipients),
        "subject": _subject(received.content),
        "message_id": message_id(received.content),
        "size": len(received.content),
    }


def _subject(content: bytes) -> str:
    """Read from the header alone: the list shows hundreds, on the loop that receives."""
    end = content.find(b"\r\n\r\n")
    header = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(
        content[:end] if end >= 0 else content, True
    )
    return str(header.get("Subject", ""))


def _part(received: Received, subtype: str) -> str | None:
    """The message's text of that subtype, decoded as far as it can be."""
    part = _parse(received).get_body((subtype,))
    if part is None:
        return None
    payload = part.get_payload(decode=True)
    octets = payload if isinstance(payload, bytes) else b""
    try:
        return octets.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return octets.decode("utf-8", "replace")


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: whoever runs the inbox says when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """The pages on a port of their own, in the running event loop."""

    def __init__(self, mail: ReceivedMail, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        config = uvicorn.Config(
            Pages(mail).application(host),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()
