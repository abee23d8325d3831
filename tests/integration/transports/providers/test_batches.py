"""Several messages in a request, and what is said of each."""

from __future__ import annotations

import asyncio
import json

import pytest
from fake_providers import reply

from engine.errors import RefusedError


def test_postmark_speaks_of_each(line, feed_of, message) -> None:
    async def send() -> None:
        async with line("postmark") as opened:
            names = ["anna", "inactive", "ben", "maintenance"]
            feed = feed_of([message(index, recipient=f"{name}@example.com") for index, name in enumerate(names)])
            await opened.transport.session(feed)
            assert feed.classes() == {0: "accepted", 1: "rejected", 2: "accepted", 3: "deferred"}
            assert feed.outcomes[0].remote_id == "pm-1"
            assert "inactive" in feed.outcomes[1].detail
            assert "example.com" not in feed.outcomes[1].detail
            assert len(opened.fake.requests) == 1

    asyncio.run(send())


def test_an_account_that_may_not_send_keeps_what_was_taken_before(line, feed_of, message) -> None:
    async def send() -> None:
        async with line("postmark") as opened:
            names = ["anna", "broke", "broke"]
            feed = feed_of([message(index, recipient=f"{name}@example.com") for index, name in enumerate(names)])
            with pytest.raises(RefusedError, match="no credit"):
                await opened.transport.session(feed)
            assert feed.classes() == {0: "accepted"}
            assert sorted(feed.released) == [1, 2]

    asyncio.run(send())


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"[1,2]", b'[{"ErrorCode":0}]', b'[{"ErrorCode":"0"},{}]', b"[" * 100_000], ids=len
)
def test_a_reply_that_does_not_speak_of_each_is_unknown(line, feed_of, message, body) -> None:
    async def send() -> None:
        async with line("postmark", faults=[(200, {}, body)]) as opened:
            feed = feed_of([message(0), message(1)])
            await opened.transport.session(feed)
            assert feed.classes() == {0: "unknown", 1: "unknown"}

    asyncio.run(send())


def test_one_that_spoils_a_request_is_found(line, feed_of, message) -> None:
    """Resend takes all or none; the others go without it, and nothing goes twice."""

    async def send() -> None:
        async with line("resend") as opened:
            names = [f"anna{index}" for index in range(9)]
            names[5] = "invalid"
            feed = feed_of([message(index, recipient=f"{name}@example.com") for index, name in enumerate(names)])
            await opened.transport.session(feed)
            assert feed.classes() == {**dict.fromkeys(range(9), "accepted"), 5: "rejected"}
            taken = [each.message["to"][0] for each in opened.fake.taken]
            assert sorted(taken) == sorted(f"{name}@example.com" for name in names if name != "invalid")
            assert feed.intended == list(range(9))  # one intent each

    asyncio.run(send())


def test_resend_names_each(line, feed_of, message) -> None:
    async def send() -> None:
        async with line("resend") as opened:
            feed = feed_of([message(index) for index in range(3)])
            await opened.transport.session(feed)
            assert [feed.outcomes[index].remote_id for index in range(3)] == ["re-1", "re-2", "re-3"]
            [(path, _, _)] = opened.fake.requests
            assert path == "/emails/batch"

    asyncio.run(send())


@pytest.mark.parametrize("told", [b"", b"[]", b'{"data":[]}', b'{"data":[1,2]}'])
def test_resend_that_names_none_has_taken_them(line, feed_of, message, told) -> None:
    async def send() -> None:
        async with line("resend", faults=[(200, {}, told)]) as opened:
            feed = feed_of([message(0), message(1)])
            await opened.transport.session(feed)
            assert feed.classes() == {0: "accepted", 1: "accepted"}
            assert feed.outcomes[0].remote_id is None

    asyncio.run(send())


def test_no_more_than_the_most(line, feed_of, message) -> None:
    async def send() -> None:
        async with line("resend") as opened:
            feed = feed_of([message(index) for index in range(250)])
            await opened.transport.session(feed)
            assert feed.classes() == dict.fromkeys(range(250), "accepted")
            assert sorted(len(json.loads(body)) for _, _, body in opened.fake.requests) == [50, 100, 100]
            assert opened.fake.connections == 1

    asyncio.run(send())


def test_large_messages_go_in_smaller_requests(line, feed_of, message) -> None:
    async def send() -> None:
        async with line("postmark") as opened:
            large = b"Subject: x\r\n\r\n" + (b"y" * 76 + b"\r\n") * 40_000
            feed = feed_of([message(index, large) for index in range(6)])
            await opened.transport.session(feed)
            assert feed.classes() == dict.fromkeys(range(6), "accepted")
            assert [len(json.loads(body)) for _, _, body in opened.fake.requests] == [2, 2, 2]

    asyncio.run(send())


def test_a_message_that_is_too_large_is_never_asked_for(line, feed_of, message) -> None:
    async def send() -> None:
        async with line("postmark") as opened:
            huge = b"Subject: x\r\n\r\n" + (b"y" * 76 + b"\r\n") * 140_000
            feed = feed_of([message(0), message(1, huge), message(2)])
            await opened.transport.session(feed)
            assert feed.classes() == {0: "accepted", 1: "rejected", 2: "accepted"}
            assert 1 not in feed.intended

    asyncio.run(send())


@pytest.mark.parametrize(
    ("kind", "answer", "outcome"),
    [
        ("ses", reply(400, {"message": "x"}, x_amzn_errortype="LimitExceededException"), "deferred"),
        ("ses", reply(429, {"message": "x"}, x_amzn_errortype="TooManyRequestsException", Retry_After="0"), "deferred"),
        ("ses", reply(400, {"message": "bad"}, x_amzn_errortype="MessageRejected:http://x"), "rejected"),
        ("ses", reply(400, {"__type": "x#BadRequestException"}), "rejected"),
        ("ses", reply(400, {"message": "x"}, x_amzn_errortype="AccountSuspendedException"), RefusedError),
        ("ses", reply(400, {"message": "x"}, x_amzn_errortype="SendingPausedException"), RefusedError),
        ("ses", reply(400, {"message": "Email address is not verified. a@example.com"}, x_amzn_errortype="MessageRejected"), RefusedError),
        ("postmark", reply(422, {"ErrorCode": 412, "Message": "pending"}), RefusedError),
        ("postmark", reply(422, {"ErrorCode": 300, "Message": "'From' a@example.com is no verified Sender Signature"}), RefusedError),
        ("postmark", reply(422, {"ErrorCode": 300, "Message": "Invalid 'To' address"}), "rejected"),
        ("postmark", reply(429, {"ErrorCode": 429}, Retry_After="0"), "deferred"),
        ("resend", reply(422, {"name": "invalid_from_address"}), RefusedError),
        ("resend", reply(429, {"name": "daily_quota_exceeded"}, Retry_After="0"), "deferred"),
        ("sendgrid", reply(429, {}, x_ratelimit_reset="1"), "deferred"),
    ],
)  # fmt: skip
def test_errors_by_their_names(line, feed_of, message, kind, answer, outcome) -> None:
    async def send() -> None:
        async with line(kind, faults=[answer]) as opened:
            feed = feed_of([message(0)])
            if isinstance(outcome, str):
                await opened.transport.session(feed)
                assert feed.classes() == {0: outcome}
                assert "example.com" not in feed.outcomes[0].detail
            else:
                with pytest.raises(outcome) as raised:
                    await opened.transport.session(feed)
                assert "a@example.com" not in str(raised.value)
                assert feed.released == [0]

    asyncio.run(send())
