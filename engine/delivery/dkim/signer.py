"""Messages with a DKIM-Signature in front.

The signature says nothing of the hour (no ``t=``): a message that is sent again is the same, octet for octet.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import Final

from engine.delivery.dkim.canonical import Field, relaxed_body, relaxed_fields, split
from engine.delivery.dkim.keys import SigningKey
from engine.delivery.message import Message

SIGNED: Final = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"feedback-id",
    b"mime-version",
    b"content-type",
)
"""What is signed, where it stands. RFC 8058 section 4 asks for both List-Unsubscribe headers. Each name is listed once more than it
stands (RFC 6376 section 8.15), so that nobody can add a second From or another Content-Type in front of a signed one."""

_LINE: Final = 72  # characters of base64, or of names, in a line
_FOLD: Final = b"\r\n "


class Signer:
    """Signs for one domain with one key: ``c=relaxed/relaxed``. ``domain`` is in ASCII."""

    def __init__(self, domain: str, selector: str, key: SigningKey) -> None:
        self._key = key
        self._beginning = f"v=1; a={key.algorithm}; c=relaxed/relaxed;\r\n d={domain};\r\n s={selector};\r\n".encode()
        self._opening = lru_cache(maxsize=64)(self._opening_of)

    def sign(self, messages: Iterable[Message]) -> list[Message]:
        """The same messages, each with its signature."""
        return [
            Message(each.index, each.key, each.sender, each.recipient, self.signed(bytes(each.content)))
            for each in messages
        ]

    def signed(self, content: bytes) -> bytes:
        """A message as ``Message.content`` promises it, with its signature in front."""
        header, body = split(content)
        fields = relaxed_fields(header)
        names = tuple(field.name for field in fields if field.name in _SIGNED)
        written, canonical = self._opening(names)
        body_hash = b64encode(sha256(relaxed_body(body)).digest())
        # Section 3.7: the signature's own field comes last, with an empty b= and without a line end.
        digest = sha256(_chosen(fields, names) + canonical + body_hash + b"; b=").digest()
        signature = b64encode(self._key.sign(digest))
        return b"".join((written, body_hash, b";\r\n b=", _in_lines(signature), b"\r\n", content))

    def _opening_of(self, names: tuple[bytes, ...]) -> tuple[bytes, bytes]:
        """The field up to and with ``bh=``, as it is written and in canonical form, for a message with these headers."""
        listed = [name for name in SIGNED for _ in range(names.count(name) + 1)]
        value = self._beginning + b" h=" + _names(listed) + b";\r\n bh="
        canonical = re.sub(rb"[ \r\n]+", b" ", value)
        return b"DKIM-Signature: " + value, b"dkim-signature:" + canonical


_SIGNED: Final = frozenset(SIGNED)


def _chosen(fields: list[Field], names: tuple[bytes, ...]) -> bytes:
    """The signed fields as they are hashed: by the order of the names, of several with one name the last first (section 5.4.2)."""
    if len(set(names)) == len(names):
        standing = dict(fields)
        return b"".join([standing[name] + b"\r\n" for name in SIGNED if name in standing])
    return b"".join([field.canonical + b"\r\n" for name in SIGNED for field in reversed(fields) if field.name == name])


def _names(listed: list[bytes]) -> bytes:
    lines, line = [], b""
    for name in listed:
        if line and len(line) + 1 + len(name) > _LINE:
            lines.append(line)
            line = name
        else:
            line = line + b":" + name if line else name
    return (b":" + _FOLD).join([*lines, line])


def _in_lines(base64: bytes) -> bytes:
    return _FOLD.join([base64[start : start + _LINE] for start in range(0, len(base64), _LINE)])
