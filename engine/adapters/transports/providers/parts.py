"""A message taken apart again, for interfaces that write messages themselves.

It reads what we send: headers (RFC 5322, RFC 2047), text parts in quoted-printable, base64 or plain, and multiparts of these.
What it cannot give to such an interface without loss it refuses.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message as HeaderReader
from email.utils import parseaddr
from typing import Final

from engine.delivery.message import Message

_WRITTEN_ANEW: Final = frozenset(
    {
        "from",
        "to",
        "subject",
        "reply-to",
        "date",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
        "dkim-signature",
    }
)
_DEEPEST: Final = 4
_DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "quoted-printable": binascii.a2b_qp,
    "base64": binascii.a2b_base64,
    "7bit": bytes,
    "8bit": bytes,
    "binary": bytes,
}


class PartsError(ValueError):
    """Why a message cannot be taken apart; the text names no value."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    address: str
    name: str = ""

    def __str__(self) -> str:
        """As RFC 5322 writes it, with the name in Unicode."""
        if not self.name:
            return self.address
        quoted = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{self.address}>'


@dataclass(frozen=True, slots=True)
class Parts:
    """What an interface is told. Texts have LF line ends; ``headers`` are those that no field stands for, unfolded."""

    sender: Mailbox
    recipient: Mailbox
    reply_to: Mailbox | None
    subject: str
    text: str | None
    html: str | None
    headers: tuple[tuple[str, str], ...]


def parts_of(message: Message) -> Parts:
    """Raises PartsError. The recipient's address is the envelope's, whatever the header says."""
    header, body = _halves(bytes(message.content))
    fields = _fields(header)
    first = {name.lower(): value for name, value in reversed(fields)}
    bodies: dict[str, str] = {}
    for kind, text in _texts(first, body, _DEEPEST):
        if kind in bodies:
            raise PartsError("more than one part of a type")
        bodies[kind] = text
    to = _mailbox(first.get("to", ""))
    return Parts(
        sender=_mailbox(first["from"]) if "from" in first else Mailbox(message.sender),
        recipient=Mailbox(message.recipient, to.name if to.address == message.recipient else ""),
        reply_to=_mailbox(first["reply-to"]) if "reply-to" in first else None,
        subject=_decoded(first.get("subject", "")),
        text=bodies.get("text/plain"),
        html=bodies.get("text/html"),
        headers=tuple((name, _decoded(value)) for name, value in fields if name.lower() not in _WRITTEN_ANEW),
    )


def _halves(entity: bytes) -> tuple[bytes, bytes]:
    if entity.startswith(b"\r\n"):
        return b"", entity[2:]
    header, _, body = entity.partition(b"\r\n\r\n")
    return header, body


def _fields(header: bytes) -> list[tuple[str, str]]:
    unfolded = header.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    try:
        lines = [line.partition(":") for line in unfolded.decode().split("\r\n") if line]
    except UnicodeDecodeError as fault:
        raise PartsError("a header that is not UTF-8") from fault
    return [(name.strip(), value.strip()) for name, _, value in lines]


def _texts(fields: dict[str, str], body: bytes, deepest: int) -> Iterator[tuple[str, str]]:
    """Types and texts of the leaves."""
    reader = HeaderReader()
    reader["Content-Type"] = fields.get("content-type", "text/plain")
    kind = reader.get_content_type()
    if kind.startswith("multipart/"):
        boundary = reader.get_boundary()
        if not boundary or deepest == 0:
            raise PartsError("a multipart without a boundary, or nested too deep")
        for entity in _entities(body, boundary.encode()):
            header, inner = _halves(entity)
            yield from _texts({name.lower(): value for name, value in _fields(header)}, inner, deepest - 1)
    elif kind in ("text/plain", "text/html") and not fields.get("content-disposition", "").startswith("attachment"):
        yield kind, _text(body, fields.get("content-transfer-encoding", "7bit"), reader.get_content_charset("utf-8"))
    else:
        raise PartsError("a part that is neither plain text nor HTML")


def _entities(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """The parts between delimiters (RFC 2046 section 5.1.1); the line end before a delimiter belongs to it."""
    for piece in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        if piece.startswith(b"--"):
            return
        yield piece.partition(b"\r\n")[2]
    raise PartsError("a multipart without an end")


def _text(body: bytes, encoding: str, charset: str) -> str:
    decoder = _DECODERS.get(encoding.strip().lower())
    if decoder is None:
        raise PartsError("a transfer encoding that is not known")
    try:
        return decoder(body).decode(charset).replace("\r\n", "\n")
    except (LookupError, ValueError) as fault:
        raise PartsError("a text that is not in its charset") from fault


def _mailbox(value: str) -> Mailbox:
    name, address = parseaddr(value)
    return Mailbox(address, _decoded(name))


def _decoded(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError) as fault:
        raise PartsError("a header with encoded words that cannot be read") from fault
