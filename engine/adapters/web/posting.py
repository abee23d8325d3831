"""``POST /events`` and ``POST /workflows/NAME/trigger``: what a shop, an application or another system tells, in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import PlainTextResponse
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.adapters.web.grouping import GroupCommit
from engine.adapters.web.metrics import PostingMetrics
from engine.adapters.web.pages import TRY_AGAIN
from engine.audience.posted import Answer, Posted, PostedIntake
from engine.errors import MailrayError

EVENTS: Final = "/events"
WORKFLOWS: Final = "/workflows/"
TRIGGER: Final = WORKFLOWS + "{workflow}/trigger"
LARGEST_BODY = 1 << 20
LARGEST_GROUP = 4 << 20  # octets in one commit
_LINES: Final = frozenset(
    {b"application/x-ndjson", b"application/ndjson", b"application/jsonl", b"application/json-lines"}
)
OTHER_TYPE: Final = PlainTextResponse("application/json or application/x-ndjson", 415)
_JSON: Final = frozenset({b"application/json", b""})


@dataclass(frozen=True, slots=True)
class PostingParts:
    """Who keeps posted events and triggers, and the token that lets somebody post."""

    events: PostedIntake
    triggers: PostedIntake
    token: bytes


class Posting:
    """ASGI: leads what is posted to its route, and all else to ``app``. It stands before Starlette, whose layers cost more than all
    that a posted event needs of the server."""

    def __init__(self, app: ASGIApp, routes: Sequence[Route]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for route in self._routes:
            match, more = route.matches(scope)
            if match is Match.FULL:
                scope["route"] = route
                scope.update(more)
                await route.app(scope, receive, send)
                return
        await self._app(scope, receive, send)


class PostingRoute:
    """ASGI: answers 202 when all of a request is durable, 400 when something in it is bad and 404 when it is for a workflow that is
    unknown; then none of it is kept."""

    def __init__(self, intake: PostedIntake, metrics: PostingMetrics) -> None:
        self._intake = intake
        self._metrics = metrics
        self._group: GroupCommit[Posted, Answer] = GroupCommit(
            self._write, lambda each: len(each.content), LARGEST_GROUP
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        kind = kind.partition(b";")[0].strip().lower()
        if kind not in _LINES and kind not in _JSON:
            await OTHER_TYPE(scope, receive, send)
            return
        body = (await receive())["body"]  # whole: it was read when its size was looked at
        try:
            answer = await self._group.take(Posted(body, kind in _LINES, scope["path_params"].get("workflow", "")))
        except MailrayError:
            await TRY_AGAIN(scope, receive, send)
            return
        status, told = _told(answer)
        content = json.dumps(told).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _write(self, posted: Sequence[Posted]) -> Sequence[Answer]:
        with self._metrics.committing():
            answers = self._intake.take(posted)
        self._metrics.posted(answers)
        return answers


def _told(answer: Answer) -> tuple[int, Mapping[str, Any]]:
    if answer.unknown is not None:
        return 404, {"accepted": 0, "reason": answer.unknown.reason, "help": answer.unknown.help}
    if answer.bad:
        return 400, {"accepted": 0, "errors": [{"event": each.event, "reason": each.reason} for each in answer.bad]}
    return 202, {"accepted": answer.accepted}
