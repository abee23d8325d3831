"""Messages taken apart again: what the program put in comes out, whatever it is."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from engine.adapters.transports.providers.parts import Mailbox, PartsError, parts_of
from engine.delivery.identity import delivery_keys, message_ids, unsubscribe_tokens
from engine.delivery.message import Message
from engine.delivery.mime import Envelope, MessageProgram, SenderIdentity
from engine.templates.rope import Chunk, Pool, Rendered, Rope

SECRET = b"secret of the tests, 32 bytes ok"
SENDER = SenderIdentity(
    "news@example.com",
    "spring",
    "acme",
    "lifecycle_campaign",
    name='Zoë\'s "Shop", the best; of all',
    reply_to="help@example.com",
    unsubscribe_url="https://example.com/u?t=" + "x" * 300,
    unsubscribe_mailto="leave@example.com",
)
WORDS = ["a", "  ", "\t", "Zoë", "=", "=20", "\n", "\n\n", ".", "\n.", " \n", "x" * 90, "From ", "--"]
WORDS += ["=?utf-8?q?x?=", '"', "\\", "😀"]


def test_what_was_put_in_comes_out() -> None:
    chance, count = random.Random(7), 200

    def text(most: int, without: str = "") -> str:
        words = [word for word in WORDS if not set(word) & set(without)]
        return "".join(chance.choice(words) for _ in range(chance.randrange(most)))

    parts = [(text(12, "\n\t"), text(60), text(60)) for _ in range(count)]
    names = [text(8, "\n\t") for _ in range(count)]
    ropes = [Rope(np.arange(count, dtype=np.int32) * 3 + place, np.arange(count + 1)) for place in range(3)]
    pool = Pool((Chunk(pa.array([each for row in parts for each in row], pa.string())),))
    keys = delivery_keys("acme", "spring", ["offer"] * count, "2026", [str(i) for i in range(count)])
    addresses = [f"anna+{i}@example.org" for i in range(count)]
    tokens = unsubscribe_tokens(SECRET, keys)
    envelope = Envelope(
        np.arange(count),
        keys,
        pa.array(addresses),
        datetime(2026, 3, 1, tzinfo=UTC),
        names=pa.array(names),
        tokens=tokens,
    )
    wire = MessageProgram(SENDER, secret=SECRET).materialise(
        Rendered(pool, dict(zip(("subject", "text", "html"), ropes, strict=True)), {}), envelope
    )
    identifiers = message_ids(SECRET, keys).to_pylist()
    for message in wire.messages(0, count):
        row = message.index
        told = parts_of(message)
        subject, plain, html = parts[row]
        assert (told.subject, told.text, told.html) == (subject, plain + "\n", html + "\n")
        assert told.recipient == Mailbox(addresses[row], names[row].strip(" "))
        assert told.sender == Mailbox("news@example.com", SENDER.name or "")
        assert told.reply_to == Mailbox("help@example.com")
        token = tokens[row].as_py()
        assert dict(told.headers) == {
            "Message-ID": f"<{identifiers[row]}@example.com>",
            "List-Unsubscribe": f"<{SENDER.unsubscribe_url}{token}>, <mailto:leave@example.com?subject={token}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Feedback-ID": "spring:acme:lifecycle_campaign:example.com",
        }


def one(content: bytes) -> Message:
    return Message(0, bytes(16), "shop@example.com", "anna@example.org", content)


@pytest.mark.parametrize(
    ("content", "text", "html"),
    [
        (b"Subject: x\r\n\r\nhello\r\n", "hello\n", None),
        (b"Subject: x\r\n\r\n", "", None),
        (b"Subject: x\r\n", "", None),
        (b"Content-Type: text/html; charset=latin-1\r\n\r\nZo\xeb\r\n", None, "Zoë\n"),
        (b"Content-Type: text/html\r\nContent-Transfer-Encoding: BASE64\r\n\r\nWm/Dqw==\r\n", None, "Zoë"),
        (
            b'Content-Type: multipart/mixed; boundary="a"\r\n\r\nfor old readers\r\n'
            b"--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
            b"--b\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n\r\n--b--\r\n\r\n--a--\r\n",
            "plain",
            "<p>\n",
        ),
    ],
)
def test_other_forms(content, text, html) -> None:
    told = parts_of(one(content))
    assert (told.text, told.html) == (text, html)
    assert told.sender == Mailbox("shop@example.com")


@pytest.mark.parametrize(
    "content",
    [
        b"Content-Type: image/png\r\n\r\nx\r\n",
        b"Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nx\r\n",
        b"Content-Type: multipart/mixed\r\n\r\nx\r\n",
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n",
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a\r\n\r\ny\r\n--a--\r\n",
        b"Content-Transfer-Encoding: rot13\r\n\r\nx\r\n",
        b"Content-Transfer-Encoding: base64\r\n\r\nx\r\n",
        b"Content-Type: text/plain; charset=klingon\r\n\r\nx\r\n",
        b"\r\n\xff\r\n",
        b"Subject: \xff\r\n\r\nx\r\n",
        b"Subject: =?klingon?q?x?=\r\n\r\nx\r\n",
    ],
)
def test_what_cannot_be_told_is_refused(content) -> None:
    with pytest.raises(PartsError):
        parts_of(one(content))


def test_a_nested_bomb_is_refused() -> None:
    content = b""
    for depth in range(50):
        content = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n%s\r\n--b%d--\r\n" % (
            depth,
            depth,
            content,
            depth,
        )
    with pytest.raises(PartsError, match="too deep"):
        parts_of(one(content))


@pytest.mark.parametrize(
    ("mailbox", "written"),
    [
        (Mailbox("a@example.com"), "a@example.com"),
        (Mailbox("a@example.com", "Zoë"), '"Zoë" <a@example.com>'),
        (Mailbox("a@example.com", 'a "b" \\c, d'), '"a \\"b\\" \\\\c, d" <a@example.com>'),
    ],
)
def test_a_mailbox_as_it_is_told(mailbox, written) -> None:
    assert str(mailbox) == written
