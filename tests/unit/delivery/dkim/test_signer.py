"""Signatures that another's code finds good, of all that a campaign can send, and bad once anything was changed."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import UTC, datetime

import dkim
import numpy as np
import pyarrow as pa
import pytest

from engine.delivery.dkim import SIGNED
from engine.delivery.identity import delivery_keys, unsubscribe_tokens
from engine.delivery.message import Message
from engine.delivery.mime import Envelope, MessageProgram, SenderIdentity
from engine.templates.rope import Chunk, Pool, Rendered, Rope

SECRET = b"secret of the tests, 32 bytes ok"
SENDER = SenderIdentity(
    "news@example.com",
    "spring",
    "acme",
    "lifecycle_campaign",
    name="Zoë's “Shop”, the best = of; all",
    reply_to="help@example.com",
    unsubscribe_url="https://example.com/u?t=" + "x" * 300,
    unsubscribe_mailto="leave@example.com",
)
WORDS = [
    "a",
    "  ",
    "\t",
    "Zoë",
    "=",
    "\n",
    "\n\n",
    ".",
    " \n",
    "x" * 90,
    "From ",
    ":",
    ";",
    "b=",
    "<p>",
    "😀",
    "    <td>",
]
HEADER = b"From: news@example.com\r\nTo: anna@example.org\r\nSubject: x\r\n"
BY_HAND = {
    "no body": HEADER + b"\r\n",
    "no end of the header": HEADER,
    "empty lines alone": HEADER + b"\r\n\r\n\r\n\r\n",
    "empty lines at the end": HEADER + b"\r\nhello\r\n\r\n\r\n",
    "spaces alone": HEADER + b"\r\n   \r\n \t \r\n",
    "spaces at the ends": HEADER + b"\r\nhello  \r\n there\t\r\n \r\nend \t\r\n",
    "runs of white space": HEADER + b"\r\n\ta \t b" + b" " * 1000 + b"c\r\n",
    "no line end at the end": HEADER + b"\r\nhello",
    "8 bits": HEADER + "\r\ngrüße\r\n".encode(),
    "folded with tabs": b"From: \t news@example.com \r\nSubject:a\r\n\tb \r\n  c\r\nTo: x@example.org\r\n\r\nhello\r\n",
    "an empty value": b"Subject:\r\nFrom: news@example.com\r\n\r\nhello\r\n",
    "a header twice": b"To: a@example.org\r\nFrom: news@example.com\r\nTo: b@example.org\r\n\r\nhello\r\n",
    "names in capitals": b"FROM: news@example.com\r\nsubject: x\r\nX-Other: y\r\n\r\nhello\r\n",
}


def campaign_messages(count: int) -> list[Message]:
    chance = random.Random(11)

    def text(most: int) -> str:
        return "".join(chance.choice(WORDS) for _ in range(chance.randrange(most)))

    parts = [(text(12).replace("\n", " ").replace("\t", " "), text(60), text(60)) for _ in range(count)]
    rope = [
        Rope(np.arange(count, dtype=np.int32) * 3 + place, np.arange(count + 1, dtype=np.int64)) for place in range(3)
    ]
    pool = Pool((Chunk(pa.array([each for row in parts for each in row], pa.string())),))
    rendered = Rendered(pool, dict(zip(("subject", "text", "html"), rope, strict=True)), {})
    keys = delivery_keys("acme", "spring", ["offer"] * count, "2026", [str(i) for i in range(count)])
    envelope = Envelope(
        np.arange(count),
        keys,
        pa.array([f"anna+{i}@example.org" for i in range(count)]),
        datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        names=pa.array([text(8).replace("\n", "").replace("\t", "") for _ in range(count)]),
        tokens=unsubscribe_tokens(SECRET, keys),
    )
    messages = MessageProgram(SENDER, secret=SECRET).materialise(rendered, envelope).messages(0, count)
    assert len(messages) == count
    return messages


def test_each_message_of_a_campaign_verifies(signer, verifies) -> None:
    messages = campaign_messages(300)
    signed = signer.sign(messages)
    assert [replace(each, content=b"") for each in signed] == [replace(each, content=b"") for each in messages]
    for before, after in zip(messages, signed, strict=True):
        assert after.content.endswith(bytes(before.content))
        assert verifies(after.content)


@pytest.mark.parametrize("content", BY_HAND.values(), ids=BY_HAND.keys())
def test_a_message_made_by_hand_verifies(signer, verifies, content) -> None:
    assert verifies(signer.signed(content))


def test_what_is_signed(signer) -> None:
    [message] = campaign_messages(1)
    signature = dkim.parse_tag_value(_field(signer.signed(bytes(message.content))))
    assert signature[b"c"] == b"relaxed/relaxed"
    assert signature[b"d"] == b"example.com"
    assert signature[b"s"] == b"spring.2026"
    listed = re.sub(rb"\s+", b"", signature[b"h"]).split(b":")
    assert {name: listed.count(name) for name in set(listed)} == dict.fromkeys(SIGNED, 2)
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"from"} <= set(listed)


def test_the_same_message_gets_the_same_octets(signer) -> None:
    messages = campaign_messages(5)
    assert signer.sign(messages) == signer.sign(messages)


def test_the_signature_fits_its_lines(signer) -> None:
    [message] = campaign_messages(1)
    field, _, _ = signer.signed(bytes(message.content)).partition(b"\r\nDate:")
    assert max(map(len, field.split(b"\r\n"))) <= 78
    assert not re.search(rb"(?m)^\.|[^\r]\n|\r[^\n]", field)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Subject: ", b"Subject: new "),
        (b"One-Click", b"Two-Clicks"),
        (b"List-Unsubscribe: <https://example.com", b"List-Unsubscribe: <https://example.net"),
        (b"Feedback-ID: spring", b"Feedback-ID: summer"),
        (b"09:30:00", b"09:30:01"),
        (b"multipart/alternative", b"multipart/mixed"),
        (b"Message-ID: <", b"Message-ID: <x"),
        (b"To: ", b"To: x"),
        (b"text/html; charset", b"text/plain; charset"),
    ],
)
def test_a_change_breaks_it(signer, verifies, before, after) -> None:
    [message] = campaign_messages(1)
    signed = signer.signed(bytes(message.content))
    assert before in signed
    assert not verifies(signed.replace(before, after, 1))


@pytest.mark.parametrize("name", [name.title() for name in SIGNED])
def test_a_second_header_breaks_it(signer, verifies, name) -> None:
    signed = signer.signed(BY_HAND["spaces at the ends"])
    assert verifies(signed)
    assert verifies(b"X-Relay: yes\r\n" + signed)
    assert not verifies(name + b": x\r\n" + signed)


@pytest.mark.parametrize("relayed", [(b": ", b":   "), (b"hello\r\n", b"hello \t\r\n"), (b"\r\n\r\n", b"\r\n\r\n")])
def test_a_relay_may_touch_white_space(signer, verifies, relayed) -> None:
    signed = signer.signed(BY_HAND["empty lines at the end"])
    assert verifies(signed.replace(*relayed) + b"\r\n\r\n")


def _field(message: bytes) -> bytes:
    value = message.partition(b": ")[2]
    return re.split(rb"\r\n(?! )", value)[0]
