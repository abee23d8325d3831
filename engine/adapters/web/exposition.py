"""What a process counts, for whoever scrapes it: a page of its own, for jobs that serve nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.adapters.web.metrics import CONTENT_TYPE
from engine.adapters.web.server import HttpServer


@contextmanager
def exposed(registry: CollectorRegistry, host: str, port: int) -> Iterator[str]:
    """``/metrics`` on a thread while in the block; gives its URL. The port is had, or not, before anything is yielded.

    Raises CannotCreateError (MR776).
    """

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    application = Starlette(routes=[Route("/metrics", metrics, methods=["GET"])])
    with HttpServer(application, host, port) as server:
        thread = threading.Thread(target=server.run, name="metrics")
        thread.start()
        try:
            yield f"http://{f'[{host}]' if ':' in host else host}:{server.port}/metrics"
        finally:
            server.stop()
            thread.join()
