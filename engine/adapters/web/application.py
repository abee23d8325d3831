"""The application: routes, and for each what it does. Nothing is answered before it is durable."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from engine.adapters.web.bearer import Bearer
from engine.adapters.web.grouping import GroupCommit
from engine.adapters.web.limits import Limits
from engine.adapters.web.metrics import CONTENT_TYPE, FeedbackMetrics, Measured
from engine.adapters.web.pages import ASK, DONE, HEADERS, TRY_AGAIN
from engine.adapters.web.posting import EVENTS, LARGEST_BODY, TRIGGER, WORKFLOWS, Posting, PostingParts, PostingRoute
from engine.delivery.feedback.contract import Deliveries, Delivery, FeedbackIntake
from engine.delivery.feedback.events import FeedbackEvent, Kind
from engine.delivery.feedback.webhooks import ForgedError, MalformedError, Webhook
from engine.delivery.identity import TokenUse
from engine.errors import MailrayError

WEBHOOK_BODY = 1 << 20
CALLERS = 1_000  # in one commit
MINUTE = 60_000_000
_GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # one transparent pixel
_NO_STORE: Final = {"Cache-Control": "no-store, private", "Pragma": "no-cache"}


class Tokens(Protocol):
    """Who verifies tokens and links; may block."""

    def key_of(self, token: str, use: TokenUse) -> bytes | None: ...

    def url_of(self, link: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class FeedbackParts:
    """What the application works with. ``wall`` is UTC microseconds; ``webhooks`` are those that are configured.

    ``check`` raises MailrayError while the store is away; ``posting`` is None where nobody may post events and triggers.
    """

    tokens: Tokens
    deliveries: Deliveries
    intake: FeedbackIntake
    webhooks: Sequence[Webhook]
    wall: Callable[[], int]
    check: Callable[[], object]
    posting: PostingParts | None = None


def feedback_application(parts: FeedbackParts) -> ASGIApp:
    """The ASGI application. It trusts no header that a proxy may have added."""
    metrics = FeedbackMetrics()
    made = _Routes(parts, metrics)
    posting = made.posting()
    routes = [*posting, *made.routes()]
    app = Posting(Starlette(routes=routes, exception_handlers={MailrayError: _unavailable}), posting)
    limited = Limits(app, {EVENTS: LARGEST_BODY, WORKFLOWS: LARGEST_BODY, "/hooks/": WEBHOOK_BODY})
    token = None if parts.posting is None else parts.posting.token
    return Measured(Bearer(limited, (EVENTS, WORKFLOWS), token), metrics, routes)


class _Routes:
    def __init__(self, parts: FeedbackParts, metrics: FeedbackMetrics) -> None:
        self._parts = parts
        self._group: GroupCommit[Sequence[FeedbackEvent], None] = GroupCommit(self._write, lambda _: 1, CALLERS)
        self._metrics = metrics
        self._webhooks: Mapping[str, Webhook] = {each.name: each for each in parts.webhooks}

    def routes(self) -> list[Route]:
        return [
            Route("/u/{token}", self.ask, methods=["GET"]),
            Route("/u/{token}", self.unsubscribe, methods=["POST"]),
            Route("/o/{token}.gif", self.opened, methods=["GET"]),
            Route("/c/{token}/{link}", self.clicked, methods=["GET"]),
            Route("/hooks/{provider}", self.webhook, methods=["POST"]),
            Route("/healthz", self.health, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    def posting(self) -> list[Route]:
        """Empty where nobody may post."""
        posting = self._parts.posting
        if posting is None:
            return []
        intakes = ((EVENTS, posting.events, self._metrics.events), (TRIGGER, posting.triggers, self._metrics.triggers))
        return [Route(path, PostingRoute(intake, figures), methods=["POST"]) for path, intake, figures in intakes]

    async def ask(self, request: Request) -> Response:
        """A page with a button. Looking at it changes nothing: scanners and previews look at everything."""
        await self._delivery(request, TokenUse.UNSUBSCRIBE)
        return HTMLResponse(ASK, headers=HEADERS)

    async def unsubscribe(self, request: Request) -> Response:
        """RFC 8058 section 3.2: the POST alone does it, without cookies, redirects or questions."""
        delivery = await self._delivery(request, TokenUse.UNSUBSCRIBE)
        now = self._parts.wall()
        await self._take([_of(delivery, Kind.UNSUBSCRIBE, now, "one-click")])
        return HTMLResponse(DONE, headers=HEADERS)

    async def opened(self, request: Request) -> Response:
        delivery = await self._delivery(request, TokenUse.TRACKING)
        if request.method == "GET":
            await self._take([_of(delivery, Kind.OPEN, self._parts.wall(), "pixel")])
        return Response(_GIF, media_type="image/gif", headers=_NO_STORE)

    async def clicked(self, request: Request) -> Response:
        """Lead on to where the sender's own link leads. What is not signed leads nowhere."""
        url = await run_in_threadpool(self._parts.tokens.url_of, request.path_params["link"])
        key = await run_in_threadpool(self._parts.tokens.key_of, request.path_params["token"], TokenUse.TRACKING)
        if url is None or key is None:
            raise HTTPException(400, "this link is not one of ours, or was changed")
        delivery = await run_in_threadpool(self._parts.deliveries.find, key)
        if delivery is not None and request.method == "GET":
            await self._take([_of(delivery, Kind.CLICK, self._parts.wall(), "link", url)])
        return RedirectResponse(url, 302, headers=_NO_STORE)

    async def webhook(self, request: Request) -> Response:
        webhook = self._webhooks.get(request.path_params["provider"])
        if webhook is None:
            raise HTTPException(404)
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.body()
        try:
            events = await run_in_threadpool(webhook.read, headers, body, self._parts.wall())
        except ForgedError as fault:
            raise HTTPException(401, str(fault)) from None
        except MalformedError as fault:
            raise HTTPException(400, str(fault)) from None
        await self._take(events)
        return JSONResponse({"events": len(events)})

    async def health(self, _request: Request) -> Response:
        """Whether what is told would be kept; a store that is away answers 503 like every other path."""
        await run_in_threadpool(self._parts.check)
        return PlainTextResponse("ok", headers=_NO_STORE)

    async def metrics(self, _request: Request) -> Response:
        return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE, **_NO_STORE})

    async def _delivery(self, request: Request, use: TokenUse) -> Delivery:
        """The message that a token names. A forged token and one of a message that is unknown get the same answer."""
        key = await run_in_threadpool(self._parts.tokens.key_of, request.path_params["token"], use)
        delivery = None if key is None else await run_in_threadpool(self._parts.deliveries.find, key)
        if delivery is None:
            raise HTTPException(404)
        return delivery

    async def _take(self, events: Sequence[FeedbackEvent]) -> None:
        await self._group.take(events)
        self._metrics.told(events)

    def _write(self, group: Sequence[Sequence[FeedbackEvent]]) -> Sequence[None]:
        self._parts.intake.take([each for events in group for each in events])
        return [None] * len(group)


def _of(delivery: Delivery, kind: Kind, now: int, source: str, url: str = "") -> FeedbackEvent:
    """An event of a message. Within a minute it is the same one, so that nobody fills the log with one token."""
    what = hashlib.blake2b(url.encode(), digest_size=8).hexdigest() if url else ""
    identity = f"{source}:{delivery.key.hex()}:{what}:{now // MINUTE}"
    return FeedbackEvent(identity, kind, now, source, delivery.key, delivery.address, delivery.campaign, detail=url)


async def _unavailable(_request: Request, _fault: Exception) -> Response:
    """A store that cannot be written now: whoever asks asks again."""
    return TRY_AGAIN
