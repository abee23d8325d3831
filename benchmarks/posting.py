"""Requests a second that `mailray serve` acknowledges at /events, each durable before it is answered.

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from starlette.types import Receive, Scope, Send

from engine.adapters.web import HttpServer

TOKEN = "benchmark"
CONNECTIONS = 64


@contextmanager
def serving(folder: Path, settings: Mapping[str, str] | None) -> Iterator[int]:
    """The verb in a process of its own, or with None the application that does nothing; gives its port."""
    verb = ["jobs.cli", "serve", "--port", "0", "--json", "--events-token", "env:EVENTS_TOKEN"]
    command = [sys.executable, "-m", *(["benchmarks.posting"] if settings is None else verb)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "EVENTS_TOKEN": TOKEN, **(settings or {})}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = ""
        while not lines.endswith("}\n"):
            lines += process.stdout.readline()
        try:
            yield int(json.loads(lines)["url"].rpartition(":")[2])
        finally:
            process.terminate()


def post(port: int, requests: int, batch: int, name: str) -> float:
    """Requests a second, of so many events each, over kept connections; a request waits for the answer to the one before it.

    ``name`` is another one for other events.
    """
    return asyncio.run(_post(port, requests, batch, name))


async def _post(port: int, requests: int, batch: int, name: str) -> float:
    numbers = iter(range(requests))
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
    start = time.perf_counter()
    await asyncio.gather(
        *(_one_after_the_other(reader, writer, numbers, batch, name) for reader, writer in connections)
    )
    seconds = time.perf_counter() - start
    for _, writer in connections:
        writer.close()
    return requests / seconds


async def _one_after_the_other(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, numbers: Iterator[int], batch: int, name: str
) -> None:
    for number in numbers:
        writer.write(_request(number, batch, name))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 202"), head
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))


def _request(number: int, batch: int, name: str) -> bytes:
    events = ",".join(
        f'{{"event_id":"{name}-{batch}-{number}-{each}","user_id":"u{number % 9_973}","event_type":"cart_abandoned",'
        f'"event_time":"2026-03-02T10:00:00Z","total":{each}.5}}'
        for each in range(batch)
    )
    body = f"[{events}]".encode()
    return (
        b"POST /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (TOKEN.encode(), len(body), body)
    )


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
