"""Octets cut between records, so that each block can be read by itself and memory stays flat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.errors import InputError, Place

LONGEST_RECORD = 8 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records; ``line`` is that of the first one."""

    line: int
    content: bytes


def blocks(chunks: Iterable[bytes], source: str, quoted: bool) -> Iterator[Block]:
    """The chunks, each cut behind its last whole record. In ``quoted`` text a line break between quotes ends no record (RFC 4180).

    Raises InputError (MR784) for a record that does not end.
    """
    line, left = 1, b""
    for number, chunk in enumerate(chunks):
        left += chunk.removeprefix(_BOM) if number == 0 else chunk
        cut = _cut(left, quoted)
        if cut:
            yield Block(line, left[:cut])
            line += left.count(b"\n", 0, cut)
            left = left[cut:]
        if len(left) > LONGEST_RECORD:
            raise _endless(source, line, quoted)
    if left:
        if quoted and left.count(b'"') % 2:
            raise _endless(source, line, quoted)
        yield Block(line, left)


def _cut(text: bytes, quoted: bool) -> int:
    """Behind the last line break that ends a record, or 0: one that has an even number of quotes before it."""
    cut = text.rfind(b"\n") + 1
    if not quoted or not cut:
        return cut
    quotes = text.count(b'"', 0, cut)
    while quotes % 2 and cut:
        before = text.rfind(b"\n", 0, cut - 1) + 1
        quotes -= text.count(b'"', before, cut)
        cut = before
    return cut


def _endless(source: str, line: int, quoted: bool) -> InputError:
    return InputError.single(
        "MR784",
        f"the record that begins here does not end within {LONGEST_RECORD >> 20} MiB",
        place=Place(source, line),
        help="look for a quote that is not closed; a quote in a value is written twice"
        if quoted
        else "one record a line",
    )
