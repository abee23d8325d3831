from __future__ import annotations

import asyncio
import smtplib
import time

import pytest

from engine.adapters.inbox import BackgroundInbox, Faults, Inbox, InboxSettings, read_log, recipient_hash
from engine.errors import CannotCreateError, InputError, ServiceError

MAIL = b"MAIL FROM:<a@example.com>\r\n"
RCPT = b"RCPT TO:<b@example.com>\r\n"
BODY = b"Subject: x\r\nMessage-ID: <1@example.com>\r\n\r\nhello\r\n"
ENVELOPE = MAIL + RCPT + b"DATA\r\n"


def test_what_it_offers(talk_to) -> None:
    async def run() -> None:
        async with Inbox(InboxSettings(largest=1_000)) as inbox, await talk_to(inbox.port) as talk:
            lines = (await talk.ask(b"EHLO client.example.com\r\n")).splitlines()
            offered = {line[4:] for line in lines[1:]}
            assert offered == {b"PIPELINING", b"SIZE 1000", b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES"}

    asyncio.run(run())


def test_the_standard_library_can_send_to_it() -> None:
    with BackgroundInbox(InboxSettings()) as inbox:
        with smtplib.SMTP("127.0.0.1", inbox.port) as client:
            client.sendmail("a@example.com", ["b@example.com", "c@example.com"], b"Subject: x\r\n\r\n.dot\r\nhello\r\n")
        counts = inbox.counts
    assert (counts.connections, counts.accepted, counts.octets) == (1, 1, len("Subject: x\r\n\r\n.dot\r\nhello\r\n"))


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_pipelined_session_however_it_is_split(size, talk_to) -> None:
    contents = [BODY, b"", b"..\r\n.\r\n", b"x" * 5_000 + b"\r\n", b"\r\n"]
    said = b"EHLO c\r\n"
    for content in contents:
        said += (
            ENVELOPE
            + b"".join(b"." + line if line.startswith(b".") else line for line in content.splitlines(True))
            + b".\r\n"
        )
    said += b"QUIT\r\n"

    async def run() -> None:
        async with Inbox(InboxSettings()) as inbox, await talk_to(inbox.port) as talk:
            for start in range(0, len(said), size):
                talk.say(said[start : start + size])
                await asyncio.sleep(0)
            codes = [(await talk.hear())[:3] for _ in range(2 + 4 * len(contents))]
            assert codes == [b"250"] + [b"250", b"250", b"354", b"250"] * len(contents) + [b"221"]
            assert await talk.hear() == b""
            assert [each.content for each in inbox.messages] == contents
            assert inbox.counts.octets == sum(map(len, contents))

    asyncio.run(run())


@pytest.mark.parametrize(
    "ending", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r\n\0.\r\n"], ids=lambda ending: ending.hex()
)
def test_only_a_dot_alone_between_crlfs_ends_a_message(ending, talk_to) -> None:
    async def run() -> None:
        async with Inbox(InboxSettings()) as inbox, await talk_to(inbox.port) as talk:
            talk.say(ENVELOPE + b"hello" + ending + ENVELOPE + b"\r\n.\r\n")
            assert [(await talk.hear())[:3] for _ in range(4)] == [b"250", b"250", b"354", b"250"]
            assert inbox.counts.accepted == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"RCPT TO:<b@example.com>\r\n", b"503 5.5.1"),
        (b"DATA\r\n", b"503 5.5.1"),
        (b"MAIL FROM: a@example.com\r\n", b"501 5.5.4"),
        (b"MAIL FROM:<a@example.com> SIZE=1001\r\n", b"552 5.3.4"),
        (b"TURN\r\n", b"500 5.5.2"),
        (b"\r\n", b"500 5.5.2"),
        (b"x" * 10_000 + b"\r\n", b"421 4.5.2"),
    ],
    ids=lambda value: value[:20].decode().strip(),
)
def test_what_is_out_of_place(said, answer, talk_to) -> None:
    async def run() -> None:
        async with Inbox(InboxSettings(largest=1_000)) as inbox, await talk_to(inbox.port) as talk:
            assert (await talk.ask(said)).startswith(answer)

    asyncio.run(run())


def test_too_large_a_message_is_refused_and_not_kept(talk_to) -> None:
    async def run() -> None:
        async with Inbox(InboxSettings(largest=1_000)) as inbox, await talk_to(inbox.port) as talk:
            talk.say(ENVELOPE + (b"x" * 76 + b"\r\n") * 2_000 + b".\r\n" + ENVELOPE + BODY + b".\r\n")
            codes = [(await talk.hear())[:3] for _ in range(8)]
            assert codes == [b"250", b"250", b"354", b"552", b"250", b"250", b"354", b"250"]
            assert [each.content for each in inbox.messages] == [BODY]

    asyncio.run(run())


def test_it_keeps_the_last_in_memory_and_first_and_last_in_files(tmp_path, talk_to) -> None:
    contents = [b"Subject: %d\r\n\r\n" % index for index in range(10)]

    async def run() -> None:
        settings = InboxSettings(keep=4, folder=tmp_path / "mail", keep_first=2, keep_last=3)
        async with Inbox(settings) as inbox, await talk_to(inbox.port) as talk:
            for content in contents:
                talk.say(ENVELOPE + content + b".\r\n")
                for _ in range(4):
                    await talk.hear()
            assert [each.content for each in inbox.messages] == contents[-4:]
            assert inbox.counts.accepted == 10

    asyncio.run(run())
    kept = {path.name: path.read_bytes() for path in (tmp_path / "mail").iterdir()}
    expected = {
        "first-000001.eml": 0,
        "first-000002.eml": 1,
        "last-000008.eml": 7,
        "last-000009.eml": 8,
        "last-000010.eml": 9,
    }
    assert kept == {name: contents[index] for name, index in expected.items()}


FAULTS = {
    "temporary": (Faults(temporary=1.0), [b"250", b"250", b"354", b"451"], 0),
    "permanent": (Faults(permanent=1.0), [b"250", b"550", b"503"], 0),
    "closing": (Faults(closing=1.0), [b"250", b"250", b"354", b"421", b""], 0),
    "drop_before_dot": (Faults(drop_before_dot=1.0), [b"250", b"250", b""], 0),
    "drop_after_dot": (Faults(drop_after_dot=1.0), [b"250", b"250", b"354", b""], 1),
    "delay": (Faults(delay=1.0, delay_seconds=0.05), [b"250", b"250", b"354", b"250"], 1),
}


@pytest.mark.parametrize(("faults", "codes", "kept"), FAULTS.values(), ids=FAULTS.keys())
def test_injected_faults(faults, codes, kept, tmp_path, talk_to) -> None:
    async def run() -> None:
        log = tmp_path / "inbox.log"
        async with Inbox(InboxSettings(faults=faults, log=log)) as inbox, await talk_to(inbox.port) as talk:
            talk.say(ENVELOPE)
            heard = []
            for _ in codes:
                if heard[-1:] == [b"354"]:
                    talk.say(BODY + b".\r\n")
                heard.append((await talk.hear())[:3])
            assert heard == codes
            assert inbox.counts.accepted == kept
            answer = "none" if faults.drop_after_dot else "250"
            assert [(line.message_id, line.answer) for line in read_log(log)] == [("<1@example.com>", answer)] * kept

    asyncio.run(run())


def test_a_trickle(talk_to) -> None:
    async def run() -> None:
        async with Inbox(InboxSettings(faults=Faults(trickle=1.0))) as inbox, await talk_to(inbox.port) as talk:
            talk.say(ENVELOPE)
            started = time.monotonic()
            assert await talk.reader.readexactly(2) == b"25"
            # The lower bound alone is a fact of the protocol: no octet comes before its second is over.
            assert time.monotonic() - started >= 1.9

    asyncio.run(run())


def test_the_log_tells_who_got_what(tmp_path, talk_to) -> None:
    log = tmp_path / "inbox.log"

    async def run() -> None:
        async with Inbox(InboxSettings(log=log)) as inbox, await talk_to(inbox.port) as talk:
            talk.say(MAIL + RCPT + b"RCPT TO:<C@example.com>\r\nDATA\r\n" + BODY + b".\r\n")
            for _ in range(5):
                await talk.hear()

    asyncio.run(run())
    first, second = read_log(log)
    assert (first.message_id, first.size, first.answer) == ("<1@example.com>", len(BODY), "250")
    assert [first.recipient_hash, second.recipient_hash] == [
        recipient_hash("b@example.com"),
        recipient_hash("c@example.com"),
    ]
    assert "@example.com\t" not in log.read_text().replace("<1@example.com>", "")


def test_a_port_that_is_taken() -> None:
    with BackgroundInbox(InboxSettings()) as inbox:
        with pytest.raises(ServiceError, match="cannot listen"), BackgroundInbox(InboxSettings(port=inbox.port)):
            pass

        async def second() -> None:
            async with Inbox(InboxSettings(port=inbox.port)):
                pass

        with pytest.raises(ServiceError, match="cannot listen"):
            asyncio.run(second())
        with pytest.raises(ServiceError, match="cannot listen"), BackgroundInbox(InboxSettings(web_port=inbox.port)):
            pass


def test_what_it_cannot_keep_or_read(tmp_path) -> None:
    (tmp_path / "file").write_text("no folder, and no certificate")
    for settings, error in (
        (InboxSettings(folder=tmp_path / "file"), CannotCreateError),
        (InboxSettings(log=tmp_path / "nowhere" / "log"), CannotCreateError),
        (InboxSettings(certificate=tmp_path / "file"), InputError),
        (InboxSettings(certificate=tmp_path / "nowhere"), InputError),
        (InboxSettings(port=70_000), ServiceError),
    ):
        with pytest.raises(error), BackgroundInbox(settings):
            pass
