"""Each kind of connector is one line in KINDS: how to put rows where it reads them, in two parts, and how to open it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.adapters.connectors import DropFolder, FileConnector, HttpPages, Paging, StreamConnector
from engine.adapters.connectors.http_client import PageClient
from engine.audience.connector import Connector
from engine.audience.incoming import Reading

Parts = Sequence[Sequence[Mapping[str, Any]]]
Opened = Callable[[], Connector]
NOW = 2_000_000_000_000_000


def lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in rows)


def comma_separated(rows: Sequence[Mapping[str, Any]]) -> bytes:
    names = list(dict.fromkeys(name for each in rows for name in each))
    table = [names, *([each.get(name) for name in names] for each in rows)]
    cells = [
        ",".join("" if each is None else '"{}"'.format(str(each).replace('"', '""')) for each in row) for row in table
    ]
    return "".join(row + "\r\n" for row in cells).encode()


@contextmanager
def files_jsonl(parts: Parts, reading: Reading, folder: Path) -> Iterator[Opened]:
    for number, rows in enumerate(parts):
        (folder / f"{number}.jsonl").write_bytes(lines(rows))
    yield lambda: FileConnector([f"{folder}/*.jsonl"], reading)


@contextmanager
def files_csv(parts: Parts, reading: Reading, folder: Path) -> Iterator[Opened]:
    for number, rows in enumerate(parts):
        (folder / f"{number}.csv").write_bytes(comma_separated(rows))
    yield lambda: FileConnector([f"{folder}/*.csv"], reading)


@contextmanager
def files_parquet(parts: Parts, reading: Reading, folder: Path) -> Iterator[Opened]:
    for number, rows in enumerate(parts):
        names = list(dict.fromkeys(name for each in rows for name in each))
        pq.write_table(
            pa.Table.from_pylist(list(rows), pa.schema([(name, pa.string()) for name in names])),
            folder / f"{number}.parquet",
        )
    yield lambda: FileConnector([f"{folder}/*.parquet"], reading)


@contextmanager
def stream(parts: Parts, reading: Reading, folder: Path) -> Iterator[Opened]:
    path = folder / "all.jsonl"
    path.write_bytes(b"".join(map(lines, parts)))
    opened: list[int] = []

    def again() -> Connector:
        opened.append(os.open(path, os.O_RDONLY))
        return StreamConnector(opened[-1], reading, "jsonl")

    yield again
    for each in opened:
        os.close(each)


@contextmanager
def drop(parts: Parts, reading: Reading, folder: Path) -> Iterator[Opened]:
    for number, rows in enumerate(parts):
        path = folder / f"{number}.jsonl"
        path.write_bytes(lines(rows))
        os.utime(path, (1_700_000_000 + number,) * 2)
    yield lambda: DropFolder(folder, reading, None, lambda: NOW)


@contextmanager
def http_cursor(parts: Parts, reading: Reading, folder: Path) -> Iterator[Opened]:
    def page(number: int, base: str) -> tuple[Any, dict[str, str]]:
        return {"data": {"rows": parts[number]}, "next": f"/{number + 1}" if number + 1 < len(parts) else None}, {}

    with serving(page) as base:
        yield lambda: HttpPages(f"{base}/?kind=a", reading, Paging("data.rows", "next", "after"), PageClient("a-token"))


@contextmanager
def http_link(parts: Parts, reading: Reading, folder: Path) -> Iterator[Opened]:
    def page(number: int, base: str) -> tuple[Any, dict[str, str]]:
        more = number + 1 < len(parts)
        return parts[number], {"Link": f'<{base}/?kind=a&after=/{number + 1}>; rel="next"'} if more else {}

    with serving(page) as base:
        yield lambda: HttpPages(f"{base}/?kind=a", reading, Paging(), PageClient("a-token"))


@contextmanager
def serving(page: Callable[[int, str], tuple[Any, dict[str, str]]]) -> Iterator[str]:
    """An interface that gives page after page to whoever bears the token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            from urllib.parse import parse_qs, urlsplit

            asked = parse_qs(urlsplit(self.path).query)
            allowed = self.headers["Authorization"] == "Bearer a-token" and asked["kind"] == ["a"]
            body, headers = page(int(asked.get("after", ["/0"])[0][1:]), base)
            content = json.dumps(body).encode()
            self.send_response(200 if allowed else 401)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield base
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


KINDS: dict[str, Any] = {
    "files_csv": files_csv,
    "files_jsonl": files_jsonl,
    "files_parquet": files_parquet,
    "stream": stream,
    "drop": drop,
    "http_cursor": http_cursor,
    "http_link": http_link,
}
RESUMED = ("drop", "http_cursor", "http_link")
"""Those that say how far they were read."""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(kind: str, tmp_path: Path) -> Callable[..., Any]:
    """Put rows, in parts, where the kind reads them; gives what opens a connector there, as often as it is called."""
    return lambda parts, reading: KINDS[kind](parts, reading, tmp_path)


@pytest.fixture
def resumed(kind: str) -> bool:
    return kind in RESUMED
