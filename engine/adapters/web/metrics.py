"""Counters for Prometheus. No label holds an address, a domain or anything else that a stranger writes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.audience.posted import Answer
from engine.delivery.feedback.events import FeedbackEvent

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST"})


class PostingMetrics:
    """What was posted of one kind, and the commits that kept it."""

    def __init__(self, what: str, registry: CollectorRegistry) -> None:
        self._posted = Counter(
            f"mailray_posted_{what}", f"{what.capitalize()} of requests that were kept; repetitions count.",
            registry=registry,
        )  # fmt: skip
        self._refused = Counter(
            f"mailray_posted_{what}_requests_refused", f"Requests with {what} that cannot be taken.", registry=registry,
        )  # fmt: skip
        self._commits = Histogram(
            f"mailray_{what}_commit_seconds", f"Seconds until posted {what} are durable, by commit.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5), registry=registry,
        )  # fmt: skip
        self._grouped = Histogram(
            f"mailray_{what}_commit_requests", "Requests that share a commit.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500), registry=registry,
        )  # fmt: skip

    def committing(self) -> AbstractContextManager[object]:
        """Measures a commit."""
        return self._commits.time()

    def posted(self, answers: Sequence[Answer]) -> None:
        self._grouped.observe(len(answers))
        self._posted.inc(sum(each.accepted for each in answers))
        self._refused.inc(sum(bool(each.bad or each.unknown) for each in answers))


class FeedbackMetrics:
    """What was asked and what came back."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mailray_http_requests", "Requests by route, method and status.", ["route", "method", "status"],
            registry=self._registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "mailray_http_request_seconds", "Seconds to answer, by route.", ["route"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5), registry=self._registry,
        )  # fmt: skip
        self._events = Counter(
            "mailray_feedback_events", "Events told to us, by kind and source; repetitions count.", ["kind", "source"],
            registry=self._registry,
        )  # fmt: skip
        self._answered: dict[
            tuple[str, str, int], tuple[Counter, Histogram]
        ] = {}  # to look labels up costs more than to count
        self.events = PostingMetrics("events", self._registry)
        self.triggers = PostingMetrics("triggers", self._registry)

    def told(self, events: Sequence[FeedbackEvent]) -> None:
        for each in events:
            self._events.labels(each.kind.value, each.source).inc()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        counted = self._answered.get((route, method, status))
        if counted is None:
            known = method if method in _METHODS else "other"
            counted = self._requests.labels(route, known, str(status)), self._seconds.labels(route)
            self._answered[route, known, status] = counted
        counted[0].inc()
        counted[1].observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self._registry)


class Measured:
    """ASGI: counts requests by the route's pattern, never by the path that was asked for."""

    def __init__(self, app: ASGIApp, metrics: FeedbackMetrics, routes: Sequence[Route]) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            self._metrics.answered(self._route(scope), scope["method"], status, time.perf_counter() - start)

    def _route(self, scope: Scope) -> str:
        """The one that was found, or that would have been had the request not been refused before."""
        found: Route | None = scope.get("route")
        if found is None:
            found = next((each for each in self._routes if each.matches(scope)[0] is not Match.NONE), None)
        return "none" if found is None else found.path
