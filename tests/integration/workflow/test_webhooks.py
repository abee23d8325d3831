"""Webhooks against a real server on loopback, and against names and servers that mean harm."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.adapters.webhooks import MOST_BYTES, WebhookCaller, is_public
from engine.workflow.webhooks import Answer, Call

PUBLIC = "93.184.215.14"
NO_AUTHORITY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # where TLS is not tried: the system's take long to load
CALL = Call(
    **{"name": "x1/tell/0/1", "key": "x1/tell/0", "workflow": "cart", "execution_id": "x1"},
    **{"step": "tell", "occurrence": 0, "attempt": 1},
    **{"url": "http://hook.example.com/in?a=1", "method": "POST", "headers": {"X-Shop": "s"}, "credentials": None},
    **{"per_second": None, "response": {}, "body": '{"who":"\u00e9"}'},
)


class Server:
    """An HTTP server that remembers what it was sent and answers what it is told to."""

    def __init__(self, answer: bytes, head: str = "HTTP/1.1 200 OK", hang: bool = False) -> None:
        self.answer, self.head, self.hang = answer, head, hang
        self.seen: list[tuple[str, dict[str, str], bytes]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the caller has gone, or the test has ended
        finally:
            writer.transport.abort() if self.hang else writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.seen.append((head[0], headers, body))
        if self.hang:
            await asyncio.Event().wait()
        length = "" if "Transfer-Encoding" in self.head else f"Content-Length: {len(self.answer)}\r\n"
        writer.write(f"{self.head}\r\n{length}Connection: close\r\n\r\n".encode() + self.answer)
        await writer.drain()


def resolver(*answers: Sequence[str]) -> tuple[Callable[[str, int], Awaitable[Sequence[str]]], list[str]]:
    """One answer after the other, the last for ever; and the names that were asked for."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


def no_secret(workflow: str, reference: str) -> str:
    raise AssertionError("no credentials were named")


def through(
    server: Server, call: Call, *, allow: bool = True, ssl_of: ssl.SSLContext | None = None, **parts: Any
) -> Answer:
    """One call to a server on loopback, under the name that the call has."""

    async def go() -> Answer:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=ssl_of)
        port = listening.sockets[0].getsockname()[1]
        url = httpx.URL(call.url).copy_with(port=port)
        resolve, _ = resolver(["127.0.0.1"])
        given = {
            "secret": no_secret,
            "allowed": [f"{url.host}:{port}"] if allow else [],
            "resolve": resolve,
            "tls": NO_AUTHORITY,
            **parts,
        }
        caller = WebhookCaller(**given)
        try:
            return await caller.call(replace(call, url=str(url)))
        finally:
            await caller.close()
            listening.close()
            for _ in range(3):  # what was closed is seen to be
                await asyncio.sleep(0)

    return asyncio.run(go())


def test_a_call_says_what_it_must_and_brings_the_answer() -> None:
    server = Server(b'{"ok":true}', "HTTP/1.1 201 Created\r\nRetry-After: 3")
    answer = through(
        server,
        replace(CALL, credentials="env:TOKEN"),
        secret=lambda workflow, reference: f"Bearer of {workflow} {reference}",
    )
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (201, b'{"ok":true}', "3")
    ((line, headers, body),) = server.seen
    assert line == "POST /in?a=1 HTTP/1.1"
    assert body == '{"who":"\u00e9"}'.encode()
    assert headers["host"].startswith("hook.example.com:")
    assert headers["idempotency-key"] == '"x1/tell/0"'
    assert headers["authorization"] == "Bearer of cart env:TOKEN"
    assert (headers["content-type"], headers["x-shop"]) == ("application/json", "s")


def test_get_carries_the_payload_in_the_query() -> None:
    server = Server(b"{}")
    through(server, replace(CALL, method="GET", body='{"who":"a&b","none":null,"n":2}'))
    line, headers, body = server.seen[0]
    assert (line, body) == ("GET /in?a=1&who=a%26b&n=2 HTTP/1.1", b"")
    assert "content-type" not in headers


def test_loopback_is_not_called_unless_an_operator_allows_it() -> None:
    server = Server(b"{}")
    answer = through(server, CALL, allow=False)
    assert (answer.status, answer.again, server.seen) == (None, False, [])


def test_a_redirect_is_not_followed() -> None:
    server = Server(b"", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/canary")
    assert through(server, CALL).status == 302
    assert len(server.seen) == 1


@pytest.mark.parametrize("head", ["HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"])
def test_a_large_answer_is_none(head: str) -> None:
    body = b"x" * (MOST_BYTES + 1)
    if "chunked" in head:
        body = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    answer = through(Server(body, head), CALL)
    assert (answer.status, answer.again, answer.body) == (None, False, b"")
    assert "larger" in (answer.error or "")


def test_a_compressed_answer_is_none() -> None:
    answer = through(Server(b"\x1f\x8b", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip"), CALL)
    assert (answer.status, answer.again) == (None, False)


def test_who_does_not_answer_in_time_may_be_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.adapters.webhooks.MOST_SECONDS", 0.2)
    answer = through(Server(b"", hang=True), CALL)
    assert (answer.status, answer.again) == (None, True)
    assert "within" in (answer.error or "")


def test_nobody_listening_may_pass() -> None:
    async def go() -> Answer:
        listening = await asyncio.start_server(Server(b"").serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        listening.close()
        await listening.wait_closed()
        resolve, _ = resolver(["127.0.0.1"])
        caller = WebhookCaller(no_secret, [f"hook.example.com:{port}"], resolve, tls=NO_AUTHORITY)
        answer = await caller.call(replace(CALL, url=f"http://hook.example.com:{port}/"))
        await caller.close()
        return answer

    assert asyncio.run(go()).again


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server = Server(b"{}")
    assert through(server, CALL).status == 200


def pinned(
    call: Call, *answers: Sequence[str], allowed: Sequence[str] = ()
) -> tuple[Answer, list[httpx.Request], list[str]]:
    """A call whose connection is only looked at."""
    resolve, asked = resolver(*answers)
    seen: list[httpx.Request] = []

    def look(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    async def go() -> Answer:
        caller = WebhookCaller(no_secret, allowed, resolve, httpx.MockTransport(look), NO_AUTHORITY)
        answer = await caller.call(call)
        await caller.close()
        return answer

    return asyncio.run(go()), seen, asked


def test_a_name_that_changes_its_mind_is_asked_once() -> None:
    """Public when it is looked at and 127.0.0.1 when it is connected to: the connection goes to what was looked at."""
    answer, (request,), asked = pinned(replace(CALL, url="https://hook.example.com/in"), [PUBLIC], ["127.0.0.1"])
    assert answer.status == 200
    assert asked == ["hook.example.com"]
    assert str(request.url) == f"https://{PUBLIC}/in"
    assert request.headers["host"] == "hook.example.com"
    assert request.extensions["sni_hostname"] == "hook.example.com"


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    answer, seen, _ = pinned(CALL, [PUBLIC, "10.0.0.1"])
    assert (answer.status, answer.again, seen) == (None, False, [])


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example.com:22/",
        "http://hook.example.com:8080/",
        "http://user:pass@hook.example.com/",
        "ftp://hook.example.com/",
        "file:///etc/passwd",
        "http:///x",
    ],
)
def test_ports_and_schemes_that_are_not_called(url: str) -> None:
    answer, seen, _ = pinned(replace(CALL, url=url), [PUBLIC])
    assert (answer.again, seen) == (False, [])


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0.0.0.0", "localhost", "10.1.2.3"),
        *("169.254.169.254", "192.168.1.1", "172.16.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255"),
        *(
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
        ),
        *("[fd00::1]", "[2001:db8::1]", "[ff02::1]"),
    ],
)
def test_no_spelling_of_a_private_address_is_called(host: str) -> None:
    """With the system's own resolver, which knows all spellings of numbers."""
    seen: list[httpx.Request] = []

    def look(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    async def go() -> Answer:
        caller = WebhookCaller(no_secret, transport=httpx.MockTransport(look), tls=NO_AUTHORITY)
        answer = await caller.call(replace(CALL, url=f"http://{host}/latest"))
        await caller.close()
        return answer

    assert asyncio.run(go()).status is None
    assert seen == []


def test_public_addresses_are_public() -> None:
    assert all(map(is_public, [PUBLIC, "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]))
    assert not any(map(is_public, ["", "example.com", "2001:0:7f00:1::", "fe80::1%eth0"]))


def test_calls_of_a_limited_step_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def go() -> None:
        resolve, _ = resolver([PUBLIC])
        look = httpx.MockTransport(lambda request: httpx.Response(200, stream=httpx.ByteStream(b"")))
        caller = WebhookCaller(no_secret, (), resolve, look, NO_AUTHORITY)
        monkeypatch.setattr(asyncio, "sleep", sleep)
        for step in ("tell", "tell", "other", "tell"):
            await caller.call(replace(CALL, step=step, per_second=0.001))
        await caller.close()

    asyncio.run(go())
    assert [round(seconds / 1_000) for seconds in slept] == [0, 1, 0, 2]


def test_a_certificate_must_be_for_the_name_and_not_for_the_address(certificate: Path) -> None:
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    by_address = replace(CALL, url="https://127.0.0.1/in")
    assert through(Server(b"{}"), by_address, ssl_of=server_side, tls=trusting).status == 200
    server = Server(b"{}")
    by_name = replace(CALL, url="https://hook.example.com/in")  # leads to the same address
    assert through(server, by_name, ssl_of=server_side, tls=trusting).status is None
    assert server.seen == []
