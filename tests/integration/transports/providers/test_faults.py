"""Everything that can go wrong between us and a provider, over real sockets."""

from __future__ import annotations

import asyncio
import json
import time
from email.utils import formatdate

import fake_providers
import pytest
from fake_providers import DROP, DROP_EARLY, STALL, reply

from engine.adapters.transports import Credentials, Deadlines, TransportSettings, open_transport
from engine.delivery.message import OutcomeClass
from engine.errors import RefusedError, ServiceError

KINDS = ["ses", "postmark", "sendgrid", "resend", "webhook"]
WITHOUT_KEYS = ["ses", "postmark", "sendgrid", "webhook"]
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@pytest.mark.parametrize("status", [408, 429, 500, 503, 507])
def test_not_now_is_deferred(line, feed_of, message, kind, status) -> None:
    async def send() -> None:
        async with line(kind, faults=[reply(status, {}, Retry_After="0")]) as opened:
            feed = feed_of([message(0)])
            await opened.transport.session(feed)
            assert feed.classes() == {0: "deferred"}
            assert feed.outcomes[0].code == status
            assert not opened.fake.taken

    asyncio.run(send())


@every_kind
@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_said_of_the_message_rejects_it(line, feed_of, message, kind, status) -> None:
    async def send() -> None:
        async with line(
            kind, faults=[reply(status, {"message": "no: customer0@example.com", "ErrorCode": 300})]
        ) as opened:
            feed = feed_of([message(0)])
            await opened.transport.session(feed)
            assert feed.classes() == {0: "rejected"}
            assert "example.com" not in feed.outcomes[0].detail

    asyncio.run(send())


@every_kind
@pytest.mark.parametrize(
    ("status", "code"), [(401, "MR753"), (403, "MR753"), (404, "MR754"), (405, "MR754"), (302, "MR754")]
)
def test_what_is_said_of_us_stops_everything_and_loses_nothing(line, feed_of, message, kind, status, code) -> None:
    async def send() -> None:
        async with line(
            kind, faults=[reply(status, {"message": "customer0@example.com", "name": "invalid_api_key"})]
        ) as opened:
            feed = feed_of([message(index) for index in range(3)])
            with pytest.raises(RefusedError) as raised:
                await opened.transport.session(feed)
            assert raised.value.diagnostics[0].code == code
            assert "example.com" not in str(raised.value)
            assert feed.outcomes == {}
            assert len(feed.released) + len(feed.messages) == 3
            assert not opened.fake.taken

    asyncio.run(send())


@pytest.mark.parametrize("kind", ["postmark", "sendgrid", "resend", "webhook"])
def test_a_wrong_token(line, feed_of, message, kind) -> None:
    async def send() -> None:
        async with line(kind, credentials="wrong") as opened:
            feed = feed_of([message(0)])
            with pytest.raises(RefusedError, match="credentials"):
                await opened.transport.session(feed)
            assert feed.released == [0]

    asyncio.run(send())


@pytest.mark.parametrize("kind", WITHOUT_KEYS)
@pytest.mark.parametrize(
    "fault", [DROP, STALL, reply(502, {}), reply(504, {}), (200, {"Content-Length": "99"}, b"{")], ids=str
)
def test_a_lost_reply_is_unknown_and_nothing_goes_again(line, feed_of, message, kind, fault) -> None:
    async def send() -> None:
        async with line(kind, faults=[fault]) as opened:
            feed = feed_of([message(0)])
            with pytest.raises(ServiceError, match="MR752"):
                await opened.transport.session(feed)
            assert feed.classes() == {0: "unknown"}
            assert len(opened.fake.requests) == 1

    asyncio.run(send())


@pytest.mark.parametrize("option", ["", "?batch=1"])
@pytest.mark.parametrize(
    "fault", [DROP, reply(502, {}), reply(504, {}), reply(409, {"name": "concurrent_idempotent_requests"})], ids=str
)
def test_with_a_key_a_lost_reply_is_asked_for_again(line, feed_of, message, option, fault) -> None:
    async def send() -> None:
        async with line("resend", option, faults=[fault, fault]) as opened:
            feed = feed_of([message(index) for index in range(3)])
            await opened.transport.session(feed)
            assert feed.classes() == dict.fromkeys(range(3), "accepted")
            assert len(opened.fake.taken) == 3
            keys = [headers["idempotency-key"] for _, headers, _ in opened.fake.requests]
            assert len(keys) == len(set(keys)) + 2
            bodies = {(headers["idempotency-key"], body) for _, headers, body in opened.fake.requests}
            assert len(bodies) == len(set(keys))  # the same key, the same octets

    asyncio.run(send())


def test_a_key_does_not_help_against_silence(line, feed_of, message) -> None:
    async def send() -> None:
        async with line("resend", always=STALL) as opened:
            feed = feed_of([message(0)])
            with pytest.raises(ServiceError, match="in time"):
                await opened.transport.session(feed)
            assert feed.classes() == {0: "unknown"}

    asyncio.run(send())


def test_a_message_alone_has_its_own_key_whenever_it_is_sent(line, feed_of, message) -> None:
    async def send() -> None:
        async with line("resend", "?batch=1", always=DROP) as opened:
            for _ in range(2):  # two runs of a worker, the first one killed
                with pytest.raises(ServiceError):
                    await opened.transport.session(feed_of([message(7)]))
            opened.fake.always = None
            feed = feed_of([message(7)])
            await opened.transport.session(feed)
            assert feed.classes() == {7: "accepted"}
            assert [each.message["to"] for each in opened.fake.taken] == [["customer7@example.com"]]
            assert {headers["idempotency-key"] for _, headers, _ in opened.fake.requests} == {
                "v1-" + (7).to_bytes(16).hex()
            }

    asyncio.run(send())


@pytest.mark.parametrize("kind", WITHOUT_KEYS)
def test_a_provider_that_hangs_up_on_the_headers(line, feed_of, message, kind) -> None:
    """The body may be on its way by then, and nobody can tell how far it came: in doubt, or given back."""

    async def send() -> None:
        async with line(kind, faults=[DROP_EARLY]) as opened:
            feed = feed_of([message(0)])
            with pytest.raises(ServiceError):
                await opened.transport.session(feed)
            assert (feed.classes(), feed.released) in (({0: "unknown"}, []), ({}, [0]))
            assert not opened.fake.taken

    asyncio.run(send())


def test_no_server_is_no_doubt(feed_of, message, unused_port) -> None:
    settings = TransportSettings(credentials=Credentials.of("sesame"))
    transport = open_transport(f"http+postmark://127.0.0.1:{unused_port}", settings)
    feed = feed_of([message(0), message(1)])
    with pytest.raises(ServiceError, match="MR751"):
        asyncio.run(transport.session(feed))
    assert sorted(feed.released) == [0, 1]
    assert feed.intended == []
    assert feed.outcomes == {}


def test_a_server_that_never_accepts_is_no_doubt(feed_of, message) -> None:
    """TLS to something that does not speak it: the deadline is for the whole of it."""

    async def send() -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(-1)
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            settings = TransportSettings(credentials=Credentials.of("sesame"), deadlines=Deadlines(connect=0.1, tls=1))
            transport = open_transport(f"https+postmark://127.0.0.1:{port}", settings)
            feed = feed_of([message(0)])
            with pytest.raises(ServiceError, match="MR751"):
                await transport.session(feed)
            assert feed.released == [0]
            assert feed.intended == []

    asyncio.run(send())


def test_a_certificate_that_is_not_trusted(feed_of, message, certificate) -> None:
    async def send(ca_file) -> object:
        async with fake_providers.provider("webhook", certificate=certificate) as fake:
            settings = TransportSettings(credentials=Credentials.of("sesame"), ca_file=ca_file)
            feed = feed_of([message(0)])
            await open_transport(f"https+webhook://127.0.0.1:{fake.port}/x", settings).session(feed)
            return feed.classes()

    assert asyncio.run(send(certificate)) == {0: "accepted"}
    with pytest.raises(ServiceError, match="MR751"):
        asyncio.run(send(None))


@pytest.mark.parametrize("said", ["1", "http-date", None])
def test_all_wait_when_asked_to(line, feed_of, message, said) -> None:
    """Not how long is asserted, but that nothing is asked before: the fake notes when requests come."""
    more = {} if said is None else {"Retry_After": "1" if said == "1" else formatdate(time.time() + 2, usegmt=True)}

    async def send() -> None:
        async with line("sendgrid", faults=[reply(429, {}, **more)]) as opened:
            feed = feed_of([message(index) for index in range(4)])
            begun = time.monotonic()
            await opened.transport.session(feed)
            assert feed.classes() == {0: "deferred", 1: "accepted", 2: "accepted", 3: "accepted"}
            assert time.monotonic() - begun >= 0.9

    asyncio.run(send())


def test_an_intent_that_is_denied_leaves_the_others_their_request(line, message) -> None:
    """Covered for all in the conformance suite; here: the request that was begun never had a body."""

    async def send() -> None:
        async with line("postmark") as opened:
            feed = Denying([message(index) for index in range(5)])
            await opened.transport.session(feed)
            assert sorted(feed.outcomes) == [0, 1, 3, 4]
            assert feed.released == [2]
            assert feed.asked == [0, 1, 2, 3, 4]  # nobody is asked twice
            [(_, _, body)] = opened.fake.requests
            assert [each["To"] for each in json.loads(body)] == [
                f"customer{index}@example.com" for index in (0, 1, 3, 4)
            ]

    asyncio.run(send())


class Denying:
    def __init__(self, messages) -> None:
        self.messages = messages
        self.asked: list[int] = []
        self.outcomes: dict[int, object] = {}
        self.released: list[int] = []

    async def next(self):
        return self.messages.pop(0) if self.messages else None

    async def intent(self, message) -> bool:
        self.asked.append(message.index)
        return message.index != 2

    def outcome(self, message, outcome) -> None:
        assert outcome.outcome is OutcomeClass.ACCEPTED
        self.outcomes[message.index] = outcome

    def release(self, message) -> None:
        self.released.append(message.index)
