"""Whole messages, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest

from engine.delivery.identity import delivery_keys, message_ids, unsubscribe_tokens
from engine.delivery.mime import Envelope, MessageProgram, SenderIdentity, WireBatch
from engine.templates.rope import Chunk, Pool, Rendered, Rope

SECRET = b"secret of the tests, 32 bytes ok"
SENDER = SenderIdentity("news@shop.example.com", "spring", "acme", "lifecycle_campaign", name="Shop")
ONE_CLICK = replace(SENDER, unsubscribe_url="https://shop.example.com/u?t=", reply_to="help@shop.example.com")
PARTS = [("Hello Zoë", "Text.\n", "<p>Zoë</p>"), ("Hi", "", ".")]


def rendered(parts: list[tuple[str, str, str]], failed: tuple[int, ...] = ()) -> Rendered:
    count = len(parts)
    present = np.array([row not in failed for row in range(count)])
    ropes = {
        name: Rope((np.flatnonzero(present) * 3 + place).astype(np.int32), np.cumsum([0, *present]).astype(np.int64))
        for place, name in enumerate(("subject", "text", "html"))
    }
    pieces = pa.array([piece for row in parts for piece in row], pa.string())
    return Rendered(Pool((Chunk(pieces),)), ropes, dict.fromkeys(failed, ValueError("no")))


def envelope(addresses: list[str], date: datetime = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)) -> Envelope:
    keys = delivery_keys("acme", "spring", ["offer"] * len(addresses), "2026", [str(i) for i in range(len(addresses))])
    return Envelope(
        np.arange(100, 100 + len(addresses)),
        keys,
        pa.array(addresses, pa.string()),
        date,
        names=pa.array(["Zoë", None][: len(addresses)], pa.string()),
        tokens=unsubscribe_tokens(SECRET, keys),
    )


def contents(wire: WireBatch) -> list[str]:
    return [bytes(message.content).decode() for message in wire.messages(0, len(wire))]


def test_a_message_as_it_goes_on_the_wire() -> None:
    sent = envelope(["zoe@example.com", "joe@bücher.example"])
    wire = MessageProgram(ONE_CLICK, secret=SECRET).materialise(rendered(PARTS), sent)
    first, second = contents(wire)
    identifier = message_ids(SECRET, sent.keys).to_pylist()[0]
    token = sent.tokens.to_pylist()[0]
    delimiter = second.splitlines()[-1].strip("-")
    assert first.split("\r\n") == [
        "Date: Sun, 01 Mar 2026 09:30:00 +0000",
        'From: "Shop" <news@shop.example.com>',
        "Reply-To: help@shop.example.com",
        f"Message-ID: <{identifier}@shop.example.com>",
        "To: =?utf-8?b?Wm/Dqw==?= <zoe@example.com>",
        "Subject: =?utf-8?b?SGVsbG8gWm/Dqw==?=",
        f"List-Unsubscribe: <https://shop.example.com/u?t={token}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Feedback-ID: spring:acme:lifecycle_campaign:shop.example.co",
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative;",
        f' boundary="{delimiter}"',
        "",
        f"--{delimiter}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "Text.",
        "",
        "",
        f"--{delimiter}",
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "<p>Zo=C3=AB</p>=",
        "",
        "",
        f"--{delimiter}--",
        "",
    ]
    assert "To: joe@xn--bcher-kva.example\r\nSubject: Hi\r\n" in second


def test_envelopes_go_with_their_messages() -> None:
    sent = replace(
        envelope(["zoe@example.com", "joe@bücher.example"]), return_paths=pa.array(["b1@example.com", "b2@example.com"])
    )
    wire = MessageProgram(SENDER, secret=SECRET).materialise(rendered(PARTS), sent)
    messages = wire.messages(0, 2)
    assert [(each.index, each.sender, each.recipient) for each in messages] == [
        (100, "b1@example.com", "zoe@example.com"),
        (101, "b2@example.com", "joe@xn--bcher-kva.example"),
    ]
    assert [each.key for each in messages] == sent.keys.to_pylist()


def test_without_unsubscribe_there_is_nothing_to_click() -> None:
    wire = MessageProgram(SENDER, secret=SECRET).materialise(
        rendered(PARTS), envelope(["a@example.com", "b@example.com"])
    )
    assert "List-Unsubscribe" not in "".join(contents(wire))
    assert wire.messages(0, 1)[0].sender == "news@shop.example.com"


def test_rows_without_a_message_leave_the_others_alone() -> None:
    program = MessageProgram(ONE_CLICK, secret=SECRET)
    sent = envelope(["zoe@example.com", "no address"])
    wire = program.materialise(rendered(PARTS), sent)
    assert wire.errors == {1: "address is no address"}
    assert [message.index for message in wire.messages(0, 2)] == [100]
    failed = program.materialise(rendered(PARTS, failed=(0,)), sent)
    assert failed.messages(0, 2) == []
    assert failed.errors.keys() == {1}


def test_the_first_fault_of_a_row_is_told() -> None:
    sent = replace(envelope(["nobody"]), tokens=pa.array([None], pa.string()), names=pa.array(["a\nb"]))
    wire = MessageProgram(ONE_CLICK, secret=SECRET).materialise(rendered([("a\nb", "", "")]), sent)
    assert wire.errors == {0: "address is no address"}


@pytest.mark.parametrize("token", [None, "", "a b", "a>", "a\r\nBcc: b@example.com", "ü", "x" * 201])
def test_a_token_that_would_break_the_url_is_refused(token: str | None) -> None:
    sent = replace(envelope(["a@example.com"]), tokens=pa.array([token], pa.string()))
    wire = MessageProgram(ONE_CLICK, secret=SECRET).materialise(rendered(PARTS[:1]), sent)
    assert wire.errors == {0: "unsubscribe token cannot stand in a URL"}


def test_unicode_local_parts_where_the_transport_takes_them() -> None:
    sent = envelope(["zoë@example.com"])
    assert MessageProgram(SENDER, secret=SECRET).materialise(rendered(PARTS[:1]), sent).errors.keys() == {0}
    wire = MessageProgram(SENDER, secret=SECRET, smtputf8=True).materialise(rendered(PARTS[:1]), sent)
    assert "To: =?utf-8?b?Wm/Dqw==?= <zoë@example.com>\r\n" in contents(wire)[0]
    assert wire.messages(0, 1)[0].recipient == "zoë@example.com"


def test_dates_keep_their_zone() -> None:
    sent = envelope(["a@example.com"], datetime(2026, 7, 1, 8, 0, tzinfo=timezone(timedelta(hours=-5, minutes=-30))))
    wire = MessageProgram(SENDER, secret=SECRET).materialise(rendered(PARTS[:1]), sent)
    assert contents(wire)[0].startswith("Date: Wed, 01 Jul 2026 08:00:00 -0530\r\n")


def test_what_a_caller_got_wrong() -> None:
    program, sent = MessageProgram(ONE_CLICK, secret=SECRET), envelope(["a@example.com"])
    with pytest.raises(ValueError, match="different rows"):
        program.materialise(rendered(PARTS), sent)
    with pytest.raises(ValueError, match="zone"):
        program.materialise(rendered(PARTS[:1]), replace(sent, date=datetime(2026, 3, 1)))
    with pytest.raises(ValueError, match="tokens"):
        program.materialise(rendered(PARTS[:1]), replace(sent, tokens=None))


def test_no_rows() -> None:
    wire = MessageProgram(ONE_CLICK, secret=SECRET).materialise(rendered([]), envelope([]))
    assert wire.messages(0, 0) == list(wire.blocks()) == []


def test_blocks_are_slices_of_the_same_messages() -> None:
    sent = [f"a{row}@example.com" for row in range(10)]
    keys = delivery_keys("acme", "spring", ["offer"] * 10, "2026", sent)
    many = Envelope(np.arange(10), keys, pa.array(sent), datetime(2026, 3, 1, tzinfo=UTC))
    wire = MessageProgram(SENDER, secret=SECRET).materialise(
        rendered([("Hi", str(row), "") for row in range(10)]), many
    )
    blocks = list(wire.blocks(4))
    assert [len(block) for block in blocks] == [4, 4, 2]
    assert [bytes(each.content) for block in blocks for each in block] == [text.encode() for text in contents(wire)]
    block = wire.block(3, 5)
    assert bytes(block[1]).decode() == contents(wire)[4]
