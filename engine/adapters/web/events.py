"""``POST /events``: events of a shop, an application or another system, in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.adapters.web.grouping import GroupCommit
from engine.adapters.web.metrics import FeedbackMetrics
from engine.audience.posted import Answer, Posted, PostedIntake

PATH: Final = "/events"
LARGEST_BODY = 1 << 20
LARGEST_GROUP = 4 << 20  # octets in one commit
_LINES: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines"})
_JSON: Final = frozenset({"application/json", ""})


@dataclass(frozen=True, slots=True)
class EventParts:
    """Who keeps posted events, and the token that lets somebody post."""

    intake: PostedIntake
    token: bytes


class EventRoute:
    """Answers 202 when all events of a request are durable, 400 when one is bad; then none is kept."""

    def __init__(self, intake: PostedIntake, metrics: FeedbackMetrics) -> None:
        self._intake = intake
        self._metrics = metrics
        self._group: GroupCommit[Posted, Answer] = GroupCommit(
            self._write, lambda each: len(each.content), LARGEST_GROUP
        )

    async def post(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _LINES and kind not in _JSON:
            raise HTTPException(415, "application/json or application/x-ndjson")
        answer = await self._group.take(Posted(await request.body(), kind in _LINES))
        if answer.bad:
            told = [{"event": each.event, "reason": each.reason} for each in answer.bad]
            return JSONResponse({"accepted": 0, "errors": told}, 400)
        return JSONResponse({"accepted": answer.accepted}, 202)

    def _write(self, posted: Sequence[Posted]) -> Sequence[Answer]:
        with self._metrics.committing():
            answers = self._intake.take(posted)
        self._metrics.posted(answers)
        return answers
