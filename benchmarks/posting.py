"""Requests a second that `mailray serve` acknowledges, each durable before it is answered.

    python -m benchmarks.posting

serves an application that reads each request and does nothing: what is left to the HTTP server itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from starlette.types import Receive, Scope, Send

from engine.adapters.web import HttpServer

TOKEN = "benchmark"
CONNECTIONS = 64


@dataclass(frozen=True)
class Serving:
    """A server in a process of its own."""

    port: int
    process: psutil.Process

    def cpu(self) -> float:
        """Seconds of processor time that it has had so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def serving(folder: Path, settings: Mapping[str, str] | None) -> Iterator[Serving]:
    """The verb, or with None the application that does nothing."""
    verb = ["jobs.cli", "serve", "--port", "0", "--json", "--events-token", "env:EVENTS_TOKEN"]
    command = [sys.executable, "-m", *(["benchmarks.posting"] if settings is None else verb)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "EVENTS_TOKEN": TOKEN, **(settings or {})}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = ""
        while not lines.endswith("}\n"):
            lines += process.stdout.readline()
        try:
            yield Serving(int(json.loads(lines)["url"].rpartition(":")[2]), psutil.Process(process.pid))
        finally:
            process.terminate()


def event(name: str) -> str:
    at = "2026-03-02T10:00:00Z"
    return f'{{"event_id":"{name}","user_id":"u{_person(name)}","event_type":"cart_abandoned","event_time":"{at}","total":12.5}}'


def trigger(name: str) -> str:
    return f'{{"id":"{name}","user_id":"u{_person(name)}","properties":{{"total":12.5}}}}'


def _person(name: str) -> int:
    return hash(name) % 9_973


def post(port: int, path: str, member: Callable[[str], str], requests: int, batch: int, name: str) -> float:
    """Requests a second, of so many members each, over kept connections; a request waits for the answer to the one before it.

    ``name`` is another one for other members.
    """
    return asyncio.run(_post(port, _requests(path, member, requests, batch, name)))


class _Client(asyncio.Protocol):
    """Sends one request after the other until there is none left."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self._answer = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self.ended.set_result(None)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if blank and len(body) >= int(length):
            assert head.startswith(b"HTTP/1.1 202"), self._answer
            self._answer = b""
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("the server has closed the connection"))


async def _post(port: int, requests: list[bytes]) -> float:
    left = iter(requests)
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: _Client(left), "127.0.0.1", port) for _ in range(CONNECTIONS)]
    clients = [client for _, client in made]
    start = time.perf_counter()
    for client in clients:
        client.ask()
    await asyncio.gather(*(client.ended for client in clients))
    return len(requests) / (time.perf_counter() - start)


def _requests(path: str, member: Callable[[str], str], requests: int, batch: int, name: str) -> list[bytes]:
    bodies = (
        ",".join(member(f"{name}-{batch}-{number}-{each}") for each in range(batch)).encode()
        for number in range(requests)
    )
    return [
        b"POST %b HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n[%b]" % (path.encode(), TOKEN.encode(), len(body) + 2, body)
        for body in bodies
    ]


async def nothing(_scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


def main() -> None:
    with HttpServer(nothing, "127.0.0.1", 0) as server:
        print(json.dumps({"url": f"http://127.0.0.1:{server.port}"}, indent=2), flush=True)
        server.run()


if __name__ == "__main__":
    main()
