"""Whatever stands in a field, a message says it back to two independent readers, and nothing else."""

from __future__ import annotations

import email
import email.policy
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.delivery.mime import MessageProgram, SenderIdentity

Row = tuple[list[str], list[str], list[str]]

HOSTILE = [
    "", " ", "\t", "\r", "\n", "\r\n", "\n\r", "\0", "\x07", "\x0b", "\x0c", "\x1c", "\x7f", "\x85", "\u2028", "\u2029", "\ufeff",
    ".", "..", ".\r\n", "\r\n.\r\n", "\n.", "." * 80, "From ", "From me", "\nFrom ", "F", "rom ", ">From ", "F" * 77,
    "=", "==", "=20", "=\r\n", "=_", "=" * 80, "--=_mr", "--", "\r\n--", "=?utf-8?q?x?=", "=?utf-8?b?eA==?=", "?=", "=?",
    "x" * 75, "x" * 76, "x" * 77, "x" * 1100, "ab " * 40, " x", "x ", "x  y", "x \n", "x\t\n", " " * 80, "x" * 75 + "\n", "x" * 76 + "\n",
    "Zoë", "Straße", "Владимир", "山田太郎", "שלום עולם", "مرحبا", "👩‍👩‍👧‍👦", "🎉" * 30, "e\u0301" * 40, "\u200f", "\U0010ffff",
    "Bcc: victim@example.com", "\r\nBcc: victim@example.com", "\nX: y", "\r\n\r\n<script>", "a\rb", "%0d%0a", "%s", "{{ x }}",
    '"', "\\", '"quoted"', "a, b", "<a@example.com>", "(comment)", "O'Brien", "a;b:c", "c\\", "Hello ", "Read ", "Save ", "<p>", "<br>\n",
]  # fmt: skip
ADDRESSES = [
    "ann@example.com",
    "a.b+c@mail.example.org",
    "joe@bücher.example",
    "x" * 64 + "@example.com",
    "o'hara@example.com",
]
FORBIDDEN = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")

pieces = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)), max_size=6)
# A subject with a forbidden character has no message: most have none.
calm = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)).filter(lambda piece: not FORBIDDEN.search(piece))
subject = st.one_of(st.lists(calm, max_size=4), pieces)
names = st.one_of(st.none(), calm, st.lists(calm, max_size=4).map("".join), st.text(max_size=10))
rows = st.lists(
    st.tuples(st.tuples(subject, pieces, pieces), names, st.sampled_from(ADDRESSES)), min_size=1, max_size=6
)


@pytest.fixture(scope="module")
def program(secret: bytes) -> MessageProgram:
    identity = SenderIdentity(
        "news@shop.example.com",
        campaign="spring",
        customer="acme",
        mail_type="lifecycle_campaign",
        name="Müller & Söhne",
        reply_to="help@shop.example.com",
        unsubscribe_url="https://shop.example.com/u?t=",
        unsubscribe_mailto="leave@shop.example.com",
    )
    return MessageProgram(identity, secret=secret)


def canonical(pieces: Sequence[str]) -> str:
    return "".join(pieces).replace("\r\n", "\n").replace("\r", "\n") + "\n"


def check(raw: bytes, row: Row, name: str | None, address: str, read: Callable[[bytes], Any], decode: Any) -> None:
    wire_address = address if address.isascii() else "joe@xn--bcher-kva.example"
    strict = read(raw)
    assert decode(strict.headers["Subject"]) == "".join(row[0])
    assert (strict.to_name, strict.to_address) == ((name or "").strip(" "), wire_address)
    assert (strict.text, strict.html) == (canonical(row[1]), canonical(row[2]))
    assert set(strict.headers) == HEADERS

    library = email.message_from_bytes(raw, policy=email.policy.default)
    assert library.keys() == list(strict.headers)
    assert not library.defects
    (to,) = library["to"].addresses
    assert to.addr_spec == wire_address
    # In a name the library makes several spaces one, and puts one between encoded words, which RFC 2047 section 6.2 forbids.
    several_words = strict.headers["To"].count("=?") > 1
    assert several_words or re.sub(" +", " ", to.display_name) == re.sub(" +", " ", strict.to_name)
    text, html = library.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == strict.text
    assert html.get_content().replace("\r\n", "\n") == strict.html
    assert str(library["subject"]) == "".join(row[0])


HEADERS = {
    "Date", "From", "Reply-To", "Message-ID", "To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID",
    "MIME-Version", "Content-Type",
}  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=rows)
def test_messages_say_back_what_was_written(
    rows: list[tuple[Row, str | None, str]],
    program: MessageProgram,
    render: Any,
    envelope: Any,
    read_strictly: Any,
    decode_unstructured: Any,
) -> None:
    texts, names, addresses = zip(*rows, strict=True)
    wire = program.materialise(render(texts), envelope(names, addresses))
    messages = {message.index: message for message in wire.messages(0, len(rows))}
    assert messages.keys().isdisjoint(wire.errors)
    assert messages.keys() | wire.errors.keys() == set(range(len(rows)))
    for number, (row, name, address) in enumerate(rows):
        bad = FORBIDDEN.search("".join(row[0])) or FORBIDDEN.search(name or "")
        assert (number in wire.errors) == bool(bad), wire.errors.get(number)
        if not bad:
            check(bytes(messages[number].content), row, name, address, read_strictly, decode_unstructured)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=rows, data=st.data())
def test_a_row_gives_the_same_bytes_in_any_batch(
    rows: list[tuple[Row, str | None, str]], data: st.DataObject, program: MessageProgram, render: Any, envelope: Any
) -> None:
    texts, names, addresses = zip(*rows, strict=True)
    failed = data.draw(st.sets(st.integers(0, len(rows) - 1)))
    together = program.materialise(render(texts, sorted(failed)), envelope(names, addresses))
    contents = {each.index: bytes(each.content) for each in together.messages(0, len(rows))}
    assert contents.keys().isdisjoint(failed)
    for number in set(range(len(rows))) - failed:
        alone = program.materialise(
            render([texts[number]]), envelope([names[number]], [addresses[number]], first=number)
        )
        assert alone.errors.get(0) == together.errors.get(number)
        again = [bytes(each.content) for each in alone.messages(0, 1)]
        assert again == ([contents[number]] if number in contents else [])


def test_ten_thousand_messages(
    program: MessageProgram, render: Any, envelope: Any, read_strictly: Any, decode_unstructured: Any
) -> None:
    choose = random.Random(2026)
    calm = [piece for piece in HOSTILE if not FORBIDDEN.search(piece)]

    def some(of: list[str], most: int) -> list[str]:
        return choose.choices(of, k=choose.randrange(most))

    texts = [(some(calm, 4), some(HOSTILE, 9), some(HOSTILE, 9)) for _ in range(10_000)]
    names = [choose.choice([None, choose.choice(calm), "".join(some(calm, 4))]) for _ in texts]
    addresses = choose.choices(ADDRESSES, k=len(texts))
    wire = program.materialise(render(texts), envelope(names, addresses))
    assert not wire.errors
    seen = 0
    for block in wire.blocks():
        for message in block:
            number = message.index
            check(
                bytes(message.content),
                texts[number],
                names[number],
                addresses[number],
                read_strictly,
                decode_unstructured,
            )
            seen += 1
    assert seen == len(texts)


def test_a_resend_is_the_same_bytes(secret: bytes, render: Any, envelope: Any) -> None:
    identity = SenderIdentity(
        "a@example.com", "spring", "acme", "welcome_series", unsubscribe_url="https://example.com/"
    )
    rows = [(["Zoë ", "a"], ["b\r", "\nc"], ["<p>", "Владимир"])] * 3

    def send() -> list[bytes]:
        program = MessageProgram(identity, secret=secret)
        wire = program.materialise(render(rows), envelope(["Ann", None, "Zoë"], ["ann@example.com"] * 3))
        return [bytes(message.content) for message in wire.messages(0, 3)]

    assert send() == send()
    assert len(set(send())) == 3


@pytest.mark.parametrize(
    "character", ["\r", "\n", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\r\nBcc: a@example.com"]
)
@pytest.mark.parametrize("field", ["subject", "name", "address", "return_path", "token"])
def test_what_ends_a_line_is_refused_in_every_field(
    field: str, character: str, program: MessageProgram, render: Any, envelope: Any
) -> None:
    values = {
        "subject": "Hello",
        "name": "Ann",
        "address": "ann@example.com",
        "return_path": "b@example.com",
        "token": "t",
    }
    values[field] = values[field][:1] + character + values[field][1:]
    sent = envelope([values["name"], "Ann"], [values["address"], "ann@example.com"])
    sent = type(sent)(
        sent.rows,
        sent.keys,
        sent.addresses,
        sent.date,
        sent.names,
        pa.array([values["return_path"], "b@example.com"]),
        pa.array([values["token"], "t"]),
    )
    wire = program.materialise(render([([values["subject"]], [], []), (["Hello"], [], [])]), sent)
    assert wire.errors.keys() == {0}
    assert [message.index for message in wire.messages(0, 2)] == [1]
    assert "Bcc" not in wire.errors[0]
