"""What the server does with the octets of requests, on a socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from engine.adapters.web import HttpServer
from engine.adapters.web.server import LONGEST_HEAD

HEAD = b"POST /echo HTTP/1.1\r\nHost: localhost\r\n"
MEBIBYTE = 1 << 20


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with HttpServer(Starlette(routes=[Route("/echo", echo, methods=["POST"])]), "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        yield server.port
        server.stop()
        thread.join()


@pytest.fixture
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as made:
        yield made


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    found = b""
    while octets := connection.recv(MEBIBYTE):
        found += octets
    return found


@pytest.mark.parametrize(
    ("before", "endless"),
    [
        (HEAD + b"X-Long: ", b"a" * 1_024),
        (HEAD, b"X-Short: 1\r\n" * 100),
        (b"POST /", b"a" * 1_024),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"X-Trailer: 1\r\n" * 100),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"e" * 1_020 + b"\r\na\r\n"),
    ],
    ids=["a header", "headers", "the target", "trailers", "sizes of chunks"],
)
def test_a_head_has_an_end(connection: socket.socket, before: bytes, endless: bytes) -> None:
    connection.sendall(before)
    with pytest.raises(ConnectionError):  # none of it is waited for, and what has not come yet is refused
        for _ in range(100 * LONGEST_HEAD // len(endless)):
            connection.sendall(endless)


def test_a_large_body_is_no_head_however_it_comes(connection: socket.socket) -> None:
    body = b"".join(b"%07d " % number for number in range(MEBIBYTE // 8))
    connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % MEBIBYTE + body)
    connection.sendall(HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
    for start in range(0, MEBIBYTE, 4_096):
        connection.sendall(b"1000\r\n" + body[start : start + 4_096] + b"\r\n")
    connection.sendall(b"0\r\n\r\n")
    assert all_of(connection).count(body) == 2


def test_requests_that_come_together_are_answered_in_their_order(connection: socket.socket) -> None:
    requests = [HEAD + b"Content-Length: 1\r\n\r\n%d" % number for number in range(9)]
    connection.sendall(b"".join(requests) + HEAD + b"Connection: close\r\nContent-Length: 1\r\n\r\n9")
    answers = all_of(connection).split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert [each.rpartition(b"\r\n\r\n")[2] for each in answers] == [b"%d" % number for number in range(10)]


def test_what_is_no_http_is_told_so(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n")
    assert all_of(connection).startswith(b"HTTP/1.1 400 ")
