"""Providers on loopback: real HTTP servers that keep what they are given, remember keys, and fail as they are told to."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Headers = dict[str, str]
Answer = tuple[int, Headers, bytes]
Seen = tuple[str, str, str, str]  # recipient, subject, text, html

DROP = "drop"  # take it, and close without a word
DROP_EARLY = "drop early"  # close before the body
STALL = "stall"  # take it, and say nothing


@dataclass
class Taken:
    """A message that was accepted, and the request that it came in."""

    message: Any
    path: str
    headers: Headers


@dataclass
class FakeProvider:
    """``faults`` are for the requests to come, in their order: one of the words above, or an answer; None is none."""

    take: Callable[[FakeProvider, str, Headers, bytes], Answer]
    token: tuple[str, str] | None = None
    faults: list[str | Answer | None] = field(default_factory=list)
    always: str | Answer | None = None
    taken: list[Taken] = field(default_factory=list)
    requests: list[tuple[str, Headers, bytes]] = field(default_factory=list)
    connections: int = 0
    remembered: dict[str, tuple[bytes, Answer]] = field(default_factory=dict)
    port: int = 0

    def keep(self, message: Any, path: str, headers: Headers) -> int:
        self.taken.append(Taken(message, path, headers))
        return len(self.taken)

    def once(self, key: str | None, body: bytes, answer: Callable[[], Answer]) -> Answer:
        """The same answer for the same key; a conflict when the body is another."""
        if key is None:
            return answer()
        if key in self.remembered:
            before, said = self.remembered[key]
            return said if before == body else reply(409, {"name": "invalid_idempotent_request"})
        said = answer()
        if said[0] < 300:
            self.remembered[key] = (body, said)
        return said

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # a request that does not come to its end is none; a cancelled one belongs to a test that is over
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        path = line.split(" ")[1]
        fault = self.faults.pop(0) if self.faults else self.always
        if fault == DROP_EARLY:
            return False
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append((path, headers, body))
        if isinstance(fault, tuple):
            answer = fault
        elif self.token is not None and headers.get(self.token[0]) != self.token[1]:
            answer = reply(401, {"ErrorCode": 10, "name": "invalid_api_key"})
        else:
            answer = self.take(self, path, headers, body)
        if fault == DROP:
            return False
        if fault == STALL:
            await asyncio.sleep(60)
        status, more, content = answer
        more = {"Content-Length": str(len(content)), **more}
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            *(f"{name}: {value}" for name, value in more.items()),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        await writer.drain()
        return True


def reply(status: int, body: object, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": "application/json", **named}, json.dumps(body).encode()


def _postmark(fake: FakeProvider, path: str, headers: Headers, body: bytes) -> Answer:
    if path.startswith("/messages/outbound?"):
        return _searched_at_postmark(fake, parse_qs(urlsplit(path).query))
    assert path == "/email/batch"
    asked = json.loads(body)
    assert 1 <= len(asked) <= 500
    return reply(200, [_of_postmark(fake, each, headers) for each in asked])


def _searched_at_postmark(fake: FakeProvider, asked: dict[str, list[str]]) -> Answer:
    """One metadata field at a time, of one stream, the newest first."""
    assert (asked.pop("count"), asked.pop("offset")) == (["1"], ["0"])
    [stream] = asked.pop("messagestream")
    [(field, [value])] = asked.items()
    name = field.removeprefix("metadata_")
    assert name != field
    found = [
        {"MessageID": f"pm-{number}", "Status": "Sent", "Metadata": each.message["Metadata"]}
        for number, each in enumerate(fake.taken, 1)
        if each.message["MessageStream"] == stream and each.message["Metadata"].get(name) == value
    ]
    return reply(200, {"TotalCount": len(found), "Messages": found[-1:]})


def _of_postmark(fake: FakeProvider, asked: dict[str, Any], headers: Headers) -> dict[str, Any]:
    assert {"From", "To", "Subject", "MessageStream"} <= asked.keys()
    if asked["To"].startswith("inactive"):
        return {"ErrorCode": 406, "Message": f"You tried to send to {asked['To']}, which is inactive."}
    if asked["To"].startswith("broke"):
        return {"ErrorCode": 405, "Message": "You ran out of credits."}
    if asked["To"].startswith("maintenance"):
        return {"ErrorCode": 100, "Message": "Maintenance"}
    number = fake.keep(asked, "/email/batch", headers)
    return {"ErrorCode": 0, "Message": "OK", "MessageID": f"pm-{number}", "To": asked["To"]}


def _sendgrid(fake: FakeProvider, path: str, headers: Headers, body: bytes) -> Answer:
    if path.startswith("/v3/messages?"):
        return _activity_at_sendgrid(fake, parse_qs(urlsplit(path).query))
    assert path == "/v3/mail/send"
    asked = json.loads(body)
    [content] = asked["personalizations"]
    assert [set(each) <= {"email", "name"} for each in content["to"]] == [True]
    types = [each["type"] for each in asked["content"]]
    assert types == sorted(types, reverse=True) and types  # plain text first
    if content["to"][0]["email"].startswith("invalid"):
        return reply(400, {"errors": [{"message": f"{content['to'][0]['email']} is no address", "field": "to"}]})
    return 202, {"X-Message-Id": f"sg-{fake.keep(asked, path, headers)}"}, b""


def _activity_at_sendgrid(fake: FakeProvider, asked: dict[str, list[str]]) -> Answer:
    query = re.fullmatch(r"\(unique_args\['([a-z-]+)'\]=\"([0-9a-f]+)\"\)", asked["query"][0])
    assert query is not None and asked["limit"] == ["1"]
    found = [
        {"msg_id": f"sg-{number}.filter", "status": "processed", "to_email": "somebody@example.com"}
        for number, each in enumerate(fake.taken, 1)
        if each.message["custom_args"].get(query[1]) == query[2]
    ]
    return reply(200, {"messages": found[:1]})


def _resend(fake: FakeProvider, path: str, headers: Headers, body: bytes) -> Answer:
    assert path in ("/emails", "/emails/batch")
    several = path == "/emails/batch"
    asked = json.loads(body) if several else [json.loads(body)]
    assert len(asked) <= 100
    key = headers["idempotency-key"]
    assert 0 < len(key) <= 256

    def answer() -> Answer:
        for each in asked:
            if each["to"][0].startswith("invalid"):
                return reply(
                    422, {"statusCode": 422, "name": "validation_error", "message": f"Invalid `to`: {each['to']}"}
                )
        numbers = [{"id": f"re-{fake.keep(each, path, headers)}"} for each in asked]
        return reply(200, {"data": numbers} if several else numbers[0])

    return fake.once(key, body, answer)


def _webhook(fake: FakeProvider, path: str, headers: Headers, body: bytes) -> Answer:
    assert headers["content-type"] == "message/rfc822"
    fake.keep(body, path, headers)
    return 202, {}, b""


def _ses(fake: FakeProvider, path: str, headers: Headers, body: bytes) -> Answer:
    assert path == "/v2/email/outbound-emails"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    return reply(200, {"MessageId": f"ses-{fake.keep(json.loads(body), path, headers)}"})


TAKERS = {"postmark": _postmark, "sendgrid": _sendgrid, "resend": _resend, "webhook": _webhook, "ses": _ses}
TOKENS = {
    "postmark": ("x-postmark-server-token", "sesame"),
    "sendgrid": ("authorization", "Bearer sesame"),
    "resend": ("authorization", "Bearer sesame"),
    "webhook": ("authorization", "Bearer sesame"),
    "ses": None,
}


def seen(kind: str, message: Any) -> Seen:
    """What a provider was told, as all of them are told it."""
    if kind == "postmark":
        return message["To"], message["Subject"], message.get("TextBody", ""), message.get("HtmlBody", "")
    if kind == "sendgrid":
        texts = {each["type"]: each["value"] for each in message["content"]}
        to = message["personalizations"][0]["to"][0]["email"]
        return to, message["subject"], texts.get("text/plain", ""), texts.get("text/html", "")
    assert kind == "resend"
    return message["to"][0], message["subject"], message.get("text", ""), message.get("html", "")


@asynccontextmanager
async def provider(kind: str, certificate: Path | None = None, **more: Any) -> AsyncIterator[FakeProvider]:
    """A provider of a kind on a free port, as ``http+KIND://127.0.0.1:PORT``, or with TLS as ``https+``."""
    fake = FakeProvider(TAKERS[kind], TOKENS[kind], **more)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await fake.serve(reader, writer)

    tls = None
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 22, ssl=tls)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
