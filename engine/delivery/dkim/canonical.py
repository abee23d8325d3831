"""Relaxed canonicalisation (RFC 6376 section 3.4): what of a message is hashed, whatever relays do to its white space.

A message for the wire has CRLF line ends and nothing else, so that a few searches for octets do what the RFC says line by line;
each is one pass of the C library over the whole message.
"""

from __future__ import annotations

from typing import NamedTuple

_CRLF = b"\r\n"


class Field(NamedTuple):
    """A header field in canonical form: the name in lower case, and ``name:value`` without a line end."""

    name: bytes
    canonical: bytes


def split(message: bytes) -> tuple[bytes, bytes]:
    """The header section with its last line end, and the body."""
    end = message.find(b"\r\n\r\n")
    return (message, b"") if end < 0 else (message[: end + 2], message[end + 4 :])


def relaxed_body(body: bytes) -> bytes:
    """Section 3.4.4: white space within lines as one space, none at their ends, no empty lines at the end of the body."""
    body = _reduced(body)
    if b" \r\n" in body:
        body = body.replace(b" \r\n", _CRLF)
    text = body.rstrip(b" \r\n")
    return text + _CRLF if text else b""


def relaxed_fields(header: bytes) -> list[Field]:
    """Section 3.4.2: each field unfolded, its white space reduced, its name in lower case; in the order in which they stand."""
    unfolded = _reduced(header).replace(b"\r\n ", b" ")
    fields = []
    for line in _reduced(unfolded).split(_CRLF):
        name, colon, value = line.partition(b":")
        if colon:
            name = name.strip(b" ").lower()
            fields.append(Field(name, name + b":" + value.strip(b" ")))
    return fields


def _reduced(octets: bytes) -> bytes:
    """Each run of spaces and tabs as one space. A run is halved with each pass, so that the longest indentation takes a few."""
    if b"\t" in octets:
        octets = octets.replace(b"\t", b" ")
    while b"  " in octets:
        octets = octets.replace(b"  ", b" ")
    return octets
