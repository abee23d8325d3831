"""What becomes of each message when the server misbehaves, at every step of the protocol.

The first message of three always goes through; the fault meets the second.
"""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple

import pytest

from engine.adapters.transports import Deadlines, StartTls, TransportSettings, open_transport
from engine.errors import ServiceError

OK, MORE, CLOSE, SILENCE, INTENT = b"250 ok\r\n", b"354 go\r\n", "close", "silence", "intent"
QUICK = Deadlines(greeting=0.5, hello=0.5, tls=0.5, envelope=0.5, data=0.5, content=0.5, end=0.5, quit=0.5)

ACCEPTED, DEFERRED, REJECTED, UNKNOWN, RELEASED = "accepted", "deferred", "rejected", "unknown", "released"


class Case(NamedTuple):
    """``second`` and ``third`` are what becomes of the messages; ``lost`` whether the session ends with an error."""

    script: dict[str, list[object]]
    second: str
    third: str
    lost: bool


CASES = {
    # refused, and the connection goes on
    "temp_fail at MAIL": Case({"MAIL": [OK, b"451 4.3.0 later\r\n"]}, DEFERRED, ACCEPTED, False),
    "temp_fail at RCPT": Case({"RCPT": [OK, b"451 4.3.0 later\r\n"]}, DEFERRED, ACCEPTED, False),
    "temp_fail at DATA": Case({"DATA": [MORE, b"451 4.3.0 later\r\n"]}, DEFERRED, ACCEPTED, False),
    "temp_fail at the dot": Case({"END": [OK, b"451 4.3.0 later\r\n"]}, DEFERRED, ACCEPTED, False),
    "perm_fail at MAIL": Case({"MAIL": [OK, b"550 5.7.1 no\r\n"]}, REJECTED, ACCEPTED, False),
    "perm_fail at RCPT": Case({"RCPT": [OK, b"550 5.1.1 no\r\n"]}, REJECTED, ACCEPTED, False),
    "perm_fail at DATA": Case({"DATA": [MORE, b"554 5.5.1 no\r\n"]}, REJECTED, ACCEPTED, False),
    "perm_fail at the dot": Case({"END": [OK, b"550 5.7.1 no\r\n"]}, REJECTED, ACCEPTED, False),
    # multi-line replies
    "multiline reply to MAIL": Case({"MAIL": [OK, b"250-2.1.0 a\r\n250-2.1.0 b\r\n250 2.1.0 c\r\n"]}, ACCEPTED, ACCEPTED, False),
    "multiline reply to the dot": Case({"END": [OK, b"250-kept\r\n250 id=1\r\n"]}, ACCEPTED, ACCEPTED, False),
    "multiline refusal": Case({"END": [OK, b"550-5.7.1 see\r\n550 5.7.1 elsewhere\r\n"]}, REJECTED, ACCEPTED, False),
    # 421: a negative answer, and the end of the connection
    "421 at MAIL": Case({"MAIL": [OK, (b"421 4.3.2 closing\r\n", CLOSE)]}, DEFERRED, RELEASED, True),
    "421 at RCPT": Case({"RCPT": [OK, (b"421 4.3.2 closing\r\n", CLOSE)]}, DEFERRED, RELEASED, True),
    "421 at DATA": Case({"DATA": [MORE, (b"421 4.3.2 closing\r\n", CLOSE)]}, DEFERRED, RELEASED, True),
    "421 at the dot": Case({"END": [OK, (b"421 4.3.2 closing\r\n", CLOSE)]}, DEFERRED, RELEASED, True),
    "421 behind the 354": Case({"DATA": [MORE, (b"354 go\r\n421 4.3.2 closing\r\n", CLOSE)]}, RELEASED, RELEASED, True),
    "421 before the dot": Case({"BODY": [b"", (INTENT, b"421 4.4.2 timed out\r\n", CLOSE)]}, DEFERRED, RELEASED, True),
    # disconnected
    "disconnect_in_mail_from": Case({"MAIL": [OK, CLOSE]}, RELEASED, RELEASED, True),
    "disconnect in RCPT": Case({"RCPT": [OK, CLOSE]}, RELEASED, RELEASED, True),
    "disconnect at DATA": Case({"DATA": [MORE, CLOSE]}, RELEASED, RELEASED, True),
    "disconnect_in_data": Case({"BODY": [b"", (INTENT, CLOSE)]}, DEFERRED, RELEASED, True),
    "disconnect after the dot": Case({"END": [OK, CLOSE]}, UNKNOWN, RELEASED, True),
    "disconnect in the reply to the dot": Case({"END": [OK, (b"250 o", CLOSE)]}, UNKNOWN, RELEASED, True),
    "disconnect in a multiline reply to the dot": Case({"END": [OK, (b"250-kept\r\n", CLOSE)]}, UNKNOWN, RELEASED, True),
    "disconnect after the reply to the dot": Case({"END": [OK, (OK, CLOSE)]}, ACCEPTED, RELEASED, True),
    # garbled
    "garbled reply to MAIL": Case({"MAIL": [OK, b"what?\r\n"]}, RELEASED, RELEASED, True),
    "garbled reply to the dot": Case({"END": [OK, b"what?\r\n"]}, UNKNOWN, RELEASED, True),
    "reply to the dot that is none": Case({"END": [OK, b"354 go on\r\n"]}, UNKNOWN, RELEASED, True),
    "two codes in one reply": Case({"END": [OK, b"250-kept\r\n550 not\r\n"]}, UNKNOWN, RELEASED, True),
    "oversized line": Case({"END": [OK, b"250 " + b"x" * 200_000]}, UNKNOWN, RELEASED, True),
    "oversized reply": Case({"END": [OK, b"250-x\r\n" * 100_000]}, UNKNOWN, RELEASED, True),
    "oversized reply to RCPT": Case({"RCPT": [OK, b"250-x\r\n" * 100_000]}, RELEASED, RELEASED, True),
    # silent
    "silence at MAIL": Case({"MAIL": [OK, SILENCE]}, RELEASED, RELEASED, True),
    "silence at RCPT": Case({"RCPT": [OK, SILENCE]}, RELEASED, RELEASED, True),
    "silence at DATA": Case({"DATA": [MORE, SILENCE]}, RELEASED, RELEASED, True),
    "silence at the dot": Case({"END": [OK, SILENCE]}, UNKNOWN, RELEASED, True),
}  # fmt: skip


PIPELINED = {
    "rcpt refused while DATA is accepted": Case(
        {"RCPT": [OK, b"550 5.1.1 no\r\n"], "DATA": [MORE, MORE], "END": [OK, b"554 5.5.1 nobody\r\n"]},
        REJECTED, ACCEPTED, False,
    ),
    "rcpt refused, and the lone dot accepted": Case(
        {"RCPT": [OK, b"550 5.1.1 no\r\n"], "DATA": [MORE, MORE]}, REJECTED, ACCEPTED, False
    ),
    "rcpt refused while DATA is accepted, and 421": Case(
        {"RCPT": [OK, b"550 5.1.1 no\r\n"], "DATA": [MORE, MORE], "END": [OK, (b"421 enough\r\n", CLOSE)]},
        REJECTED, RELEASED, True,
    ),
    "mail refused while DATA is accepted": Case(
        {"MAIL": [OK, b"450 no\r\n"], "DATA": [MORE, MORE]}, DEFERRED, ACCEPTED, False
    ),
    "one reply too many": Case({"END": [OK, b"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n"]}, ACCEPTED, RELEASED, True),
    "RSET refused": Case({"DATA": [MORE, b"451 no\r\n"], "RSET": [b"500 no\r\n"]}, DEFERRED, RELEASED, True),
    "mail refused while RCPT is accepted": Case(
        {"MAIL": [OK, b"450 no\r\n"], "RCPT": [OK, OK], "DATA": [MORE, MORE]}, RELEASED, RELEASED, True
    ),
}  # fmt: skip


async def send(server, feed, *, fails: bool, **settings) -> None:
    transport = open_transport(f"smtp://127.0.0.1:{server.port}", TransportSettings(deadlines=QUICK, **settings))
    try:
        await transport.session(feed)
    except ServiceError:
        assert fails
    else:
        assert not fails


@pytest.mark.parametrize(
    ("case", "pipelining"),
    [
        *(pytest.param(case, True, id=f"{name}, pipelined") for name, case in (CASES | PIPELINED).items()),
        *(pytest.param(case, False, id=f"{name}, step by step") for name, case in CASES.items()),
    ],
)
def test_a_fault_costs_no_message(case, pipelining, serving, feed_of, message) -> None:
    offers = (b"PIPELINING", b"8BITMIME") if pipelining else (b"8BITMIME",)
    script = {verb: list(answers) for verb, answers in case.script.items()}

    async def run() -> None:
        async with serving(script, offers=offers) as server:
            feed = feed_of([message(index) for index in range(3)])
            feed.on_intent = lambda asked: asked.index == 1 and server.intent.set()
            await send(server, feed, fails=case.lost)
            becomes = {**feed.classes(), **dict.fromkeys(feed.released, RELEASED)}
            # A message that was never taken from the feed is as well off as one that was released.
            becomes |= {left.index: RELEASED for left in feed.messages}
            assert becomes == {0: ACCEPTED, 1: case.second, 2: case.third}
            # What was accepted is with the server, whole; what was given back is not.
            kept = [content for content in server.contents if content]
            assert message(0).content in kept
            assert (message(2).content in kept) is (case.third == ACCEPTED)
            assert all(content in [message(index).content for index in range(3)] for content in kept)

    asyncio.run(run())


OPENING = {
    "421 as greeting": {"GREETING": [(b"421 busy\r\n", CLOSE)]},
    "554 as greeting": {"GREETING": [b"554 no\r\n"]},
    "disconnect before the greeting": {"GREETING": [CLOSE]},
    "silence instead of a greeting": {"GREETING": [SILENCE]},
    "garbled greeting": {"GREETING": [b"HTTP/1.1 400 Bad Request\r\n"]},
    "oversized greeting": {"GREETING": [b"220-x\r\n" * 100_000]},
    "disconnect at EHLO": {"EHLO": [CLOSE]},
    "EHLO refused": {"EHLO": [b"502 no\r\n"]},
    "421 at EHLO": {"EHLO": [(b"421 busy\r\n", CLOSE)]},
    "disconnect right after EHLO": {"EHLO": [(b"250 faulty\r\n", CLOSE)]},
}


@pytest.mark.parametrize("script", OPENING.values(), ids=OPENING.keys())
def test_a_fault_before_the_first_message_costs_none(script, serving, feed_of, message) -> None:
    script = {verb: list(answers) for verb, answers in script.items()}

    async def run() -> None:
        async with serving(script) as server:
            feed = feed_of([message(0)])
            await send(server, feed, fails=True)
            assert feed.outcomes == {}
            assert feed.intended == []
            assert server.contents == []

    asyncio.run(run())


@pytest.mark.parametrize("verb", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END"])
def test_a_reply_that_drips_is_timed_as_a_whole(verb, serving, drip, feed_of, message) -> None:
    """Each octet comes well within the deadline, the whole reply (25 octets, 2.5 seconds) does not."""
    slow = drip(b"250 one octet at a time\r\n", 0.1)

    async def run() -> None:
        async with serving({verb: [slow]}) as server:
            feed = feed_of([message(0)])
            await send(server, feed, fails=True)
            assert feed.classes() == ({0: UNKNOWN} if verb == "END" else {})

    asyncio.run(run())


def test_a_server_that_stops_reading_is_left(serving, feed_of, message) -> None:
    """The content does not fit into the buffers on the way: the deadline for content ends it, before any intent."""

    async def run() -> None:
        async with serving({"BODY": [SILENCE]}, offers=(b"PIPELINING",)) as server:
            feed = feed_of([message(0, b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 300_000)])
            await send(server, feed, fails=True)
            assert feed.intended == []
            assert feed.released == [0]

    asyncio.run(run())


def test_a_connection_closed_while_idle_is_renewed(serving, feed_of, message) -> None:
    async def run() -> None:
        async with serving({}) as server:
            more = asyncio.Event()

            class Pausing(feed_of):
                async def next(self):
                    if len(self.messages) == 1:
                        await more.wait()
                    return await super().next()

            feed = Pausing([message(0), message(1)])
            session = asyncio.create_task(send(server, feed, fails=False))
            while not feed.outcomes:
                await asyncio.sleep(0.005)
            for writer in list(server.writers):
                writer.write(b"421 4.4.2 idle\r\n")
                writer.close()
            await asyncio.sleep(0.05)
            more.set()
            await session
            assert feed.classes() == {0: ACCEPTED, 1: ACCEPTED}
            assert server.connections == 2

    asyncio.run(run())


def test_the_next_envelope_is_in_the_dots_write(serving, feed_of, message) -> None:
    """The server answers no dot but the last until the envelope behind it has come: step by step, it never would."""

    async def run() -> None:
        async with serving({}) as server:
            server.wait_for_more_after_dot = 2
            feed = feed_of([message(index) for index in range(3)])
            await send(server, feed, fails=False)
            assert feed.classes() == dict.fromkeys(range(3), ACCEPTED)

    asyncio.run(run())


def test_a_message_limit_renews_the_connection(serving, feed_of, message) -> None:
    async def run() -> None:
        async with serving({}) as server:
            feed = feed_of([message(index) for index in range(7)])
            await send(server, feed, fails=False, messages_per_connection=3)
            assert feed.classes() == dict.fromkeys(range(7), ACCEPTED)
            assert server.connections == 3
            assert server.commands.count("QUIT") == 3

    asyncio.run(run())


def test_a_message_in_hand_survives_a_renewal_that_fails(serving, feed_of, message) -> None:
    async def run() -> None:
        async with serving({"GREETING": [b"220 faulty\r\n", b"421 busy\r\n"]}) as server:
            feed = feed_of([message(index) for index in range(3)])
            await send(server, feed, fails=True, messages_per_connection=1)
            assert feed.classes() == {0: ACCEPTED}
            assert {*feed.released, *(left.index for left in feed.messages)} == {1, 2}

    asyncio.run(run())


def test_what_this_server_cannot_take_is_not_offered_to_it(serving, feed_of, message) -> None:
    async def run() -> None:
        async with serving({}, offers=(b"PIPELINING", b"SIZE 200")) as server:
            contents = [
                None,
                b"Subject: x\r\n\r\n" + b"x" * 300 + b"\r\n",
                "Subject: ä\r\n\r\n".encode(),
                b"bare\n\r\n",
                None,
            ]
            feed = feed_of([message(index, content) for index, content in enumerate(contents)])
            await send(server, feed, fails=False)
            assert feed.classes() == {0: ACCEPTED, 1: REJECTED, 2: REJECTED, 3: REJECTED, 4: ACCEPTED}
            assert feed.intended == [0, 4]
            assert server.contents == [message(0).content, message(4).content]

    asyncio.run(run())


@pytest.mark.parametrize("bad", ["x\r\nDATA@example.com", "x\n@example.com", "x>y@example.com", "x\0@example.com"])
def test_an_address_cannot_smuggle_a_command(bad, serving, feed_of, message) -> None:
    async def run() -> None:
        async with serving({}) as server:
            feed = feed_of([message(0, recipient=bad), message(1)])
            await send(server, feed, fails=False)
            assert feed.classes() == {0: REJECTED, 1: ACCEPTED}
            assert [command for command in server.commands if command.startswith("RCPT")] == [
                "RCPT TO:<customer1@example.com>"
            ]

    asyncio.run(run())


@pytest.mark.parametrize("injected", [b"250-PIPELINING\r\n", b"250 ok\r\n", b"250 injected"])
def test_plaintext_behind_starttls_is_refused(injected, serving, feed_of, message) -> None:
    async def run() -> None:
        async with serving({"STARTTLS": [b"220 go\r\n" + injected]}, offers=(b"STARTTLS",)) as server:
            feed = feed_of([message(0)])
            with pytest.raises(ServiceError, match="plaintext after STARTTLS"):
                await open_transport(f"smtp://127.0.0.1:{server.port}", TransportSettings(deadlines=QUICK)).session(
                    feed
                )
            assert server.contents == []

    asyncio.run(run())


def test_starttls_required_and_not_offered(serving, feed_of, message) -> None:
    async def run() -> None:
        async with serving({}) as server:
            await send(server, feed_of([message(0)]), fails=True, starttls=StartTls.REQUIRED)
            assert not any(command.startswith("MAIL") for command in server.commands)

    asyncio.run(run())


@pytest.mark.parametrize("code", [socket.EAI_AGAIN, socket.EAI_NONAME])
def test_a_name_that_cannot_be_resolved_costs_no_message(code, feed_of, message, monkeypatch) -> None:
    """The relay's name: a resolver that does not answer (SERVFAIL) and one that knows no such name (NXDOMAIN)."""

    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "it cannot be resolved")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    feed = feed_of([message(0)])
    with pytest.raises(ServiceError) as caught:
        asyncio.run(open_transport("smtp://relay.test:25", TransportSettings()).session(feed))
    assert caught.value.diagnostics[0].code == "MR701"
    assert len(feed.messages) + len(feed.released) == 1
    assert feed.outcomes == {}


def test_a_port_where_nobody_listens(unused_port, feed_of, message) -> None:
    transport = open_transport(f"smtp://127.0.0.1:{unused_port}", TransportSettings())
    feed = feed_of([message(0)])
    with pytest.raises(ServiceError, match="no SMTP connection to"):
        asyncio.run(transport.session(feed))
    assert len(feed.messages) == 1
