"""A second reader of messages, strict where the standard library's forgives, and renderings out of any pieces."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from engine.delivery.identity import delivery_keys, unsubscribe_tokens
from engine.delivery.mime import Envelope
from engine.templates.rope import Chunk, Pool, Rendered, Rope

SECRET = b"secret of the tests, 32 bytes ok"
ENCODED_WORD = re.compile(r"=\?utf-8\?b\?([A-Za-z0-9+/]*={0,2})\?=")


@dataclass(frozen=True)
class Read:
    """A message as the strict reader sees it; ``lines`` are each header's lines as they stand."""

    headers: dict[str, str]
    lines: dict[str, list[str]]
    to_name: str
    to_address: str
    text: str
    html: str


def read_strictly(raw: bytes) -> Read:
    """RFC 5322, 2045, 2046, 2047 with nothing forgiven. Raises AssertionError."""
    everything = raw.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in everything)
    assert all(len(line) <= 998 and not line.startswith((b".", b"From ")) for line in everything)
    assert everything[-1] == b""
    split = everything.index(b"")
    lines = _header_lines([line.decode() for line in everything[:split]])
    headers = {name: "".join(each) for name, each in lines.items()}
    boundary = re.fullmatch(r'multipart/alternative; boundary="([^"]{1,70})"', headers["Content-Type"])
    assert boundary is not None
    text, html = _parts(raw.split(b"\r\n\r\n", 1)[1], boundary[1].encode())
    name, address = _mailbox(headers["To"])
    return Read(headers, lines, name, address, _part(text, "plain"), _part(html, "html"))


def decode_unstructured(value: str) -> str:
    words = value.split(" ")
    if all(ENCODED_WORD.fullmatch(word) for word in words):
        return "".join(_decode_word(word) for word in words)
    assert "=?" not in value
    return value


def _header_lines(lines: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        assert "=?" not in line or len(line) <= 76
        if line.startswith(" "):
            assert line.strip(" ")
            found[name].append(line)
            continue
        name, colon, value = line.partition(": ")
        assert colon
        assert re.fullmatch("[!-9;-~]+", name)
        assert name not in found
        found[name] = [value]
    return found


def _decode_word(word: str) -> str:
    match = ENCODED_WORD.fullmatch(word)
    assert match is not None
    assert len(word) <= 75
    return base64.b64decode(match[1], validate=True).decode()


def _mailbox(value: str) -> tuple[str, str]:
    if " <" not in value:
        assert "<" not in value
        return "", value
    name, address = value.rsplit(" <", 1)
    assert address.endswith(">")
    if name.startswith('"'):
        assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', name)
        assert "=?" not in name
        return re.sub(r"\\(.)", r"\1", name[1:-1]), address[:-1]
    return decode_unstructured(name), address[:-1]


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    delimiter = b"\r\n--" + boundary
    pieces = (b"\r\n" + body).split(delimiter)
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    assert all(piece.startswith(b"\r\n") for piece in pieces[1:-1])
    return [piece[2:] for piece in pieces[1:-1]]


def _part(part: bytes, subtype: str) -> str:
    head, content = part.split(b"\r\n\r\n", 1)
    assert head.decode().split("\r\n") == [
        f"Content-Type: text/{subtype}; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
    ]
    return _decode_quoted_printable(content).decode()


def _decode_quoted_printable(content: bytes) -> bytes:
    decoded = b""
    lines = content.split(b"\r\n")
    for number, line in enumerate(lines):
        assert len(line) <= 76
        assert re.fullmatch(rb"(?:[!-<>-~ \t]|=[0-9A-F]{2})*=?", line)
        assert not line.endswith((b" ", b"\t"))
        soft = line.endswith(b"=")
        assert not soft or number < len(lines) - 1
        decoded += re.sub(rb"=([0-9A-F]{2})", lambda code: bytes.fromhex(code[1].decode()), line.removesuffix(b"="))
        decoded += b"" if soft or number == len(lines) - 1 else b"\n"
    return decoded


def render(rows: Sequence[Sequence[Sequence[str]]], failed: Sequence[int] = ()) -> Rendered:
    """Rows of (subject, text, html), each a list of pieces, as a rendering: what begins with a consonant is static, the rest holes."""
    statics: dict[str, int] = {}
    holes: list[str] = []
    for piece in (piece for row in rows for part in row for piece in part):
        if piece[:1] in "bcdfgHRS<":
            statics.setdefault(piece, len(statics))
        else:
            holes.append(piece)
    ropes, hole = {}, 0
    ids: dict[str, list[list[int]]] = {"subject": [], "text": [], "html": []}
    for number, row in enumerate(rows):
        for part, pieces in zip(ids, row, strict=True):
            own = []
            for piece in pieces:
                if piece in statics:
                    own.append(statics[piece])
                else:
                    own.append(len(statics) + hole)
                    hole += 1
            ids[part].append([] if number in failed else own)
    for part, lists in ids.items():
        flat = np.array([each for own in lists for each in own], np.int32)
        ropes[part] = Rope(flat, np.cumsum([0, *map(len, lists)]).astype(np.int64))
    half = len(holes) // 2
    pool = Pool(
        (
            Chunk(pa.array(list(statics), pa.string()), ("statics", tuple(statics))),
            Chunk(pa.array(holes[:half], pa.string())),
            Chunk(pa.array(holes[half:], pa.string())),
        )
    )
    return Rendered(pool, ropes, {row: ValueError("no such thing") for row in failed})


def envelope(names: Sequence[str | None], addresses: Sequence[str], first: int = 0) -> Envelope:
    recipients = [str(first + row) for row in range(len(addresses))]
    keys = delivery_keys("acme", "spring", ["offer"] * len(recipients), "2026", recipients)
    return Envelope(
        rows=np.arange(first, first + len(addresses)),
        keys=keys,
        addresses=pa.array(addresses, pa.string()),
        date=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        names=pa.array(names, pa.string()),
        tokens=unsubscribe_tokens(SECRET, keys),
    )


@pytest.fixture(scope="session")
def secret() -> bytes:
    return SECRET


@pytest.fixture(scope="session", name="read_strictly")
def read_strictly_fixture() -> Callable[[bytes], Read]:
    return read_strictly


@pytest.fixture(scope="session", name="decode_unstructured")
def decode_unstructured_fixture() -> Callable[[str], str]:
    return decode_unstructured


@pytest.fixture(scope="session", name="render")
def render_fixture() -> Callable[..., Rendered]:
    return render


@pytest.fixture(scope="session", name="envelope")
def envelope_fixture() -> Callable[..., Envelope]:
    return envelope
