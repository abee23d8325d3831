"""JSON lines: an object a line, with any members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from engine.adapters.connectors.blocks import Block, blocks
from engine.adapters.connectors.rows import Rows
from engine.audience.connector import Refused
from engine.audience.incoming import Reading
from engine.audience.incoming.json_text import DECODER, reason


def read(chunks: Iterable[bytes], source: str, reading: Reading) -> Iterator[Rows]:
    """A line that is no JSON object is refused; an empty one is none. Raises InputError (MR784)."""
    for block in blocks(chunks, source, quoted=False):
        yield _rows(block, source, reading)


def _rows(block: Block, source: str, reading: Reading) -> Rows:
    objects: list[Any] = []
    lines: list[int] = []
    refused: list[Refused] = []
    texts = block.content.split(b"\n")
    for number, text in enumerate(texts):
        if text and not text.isspace():
            try:
                objects.append(DECODER.decode(text.decode()))
                lines.append(number)
            except (ValueError, RecursionError) as fault:
                refused.append(Refused(source, block.line + number, reason(fault), text.decode(errors="replace")))
    incoming = reading.objects(objects)
    for each in incoming.refused:
        number = lines[each.row]
        refused.append(Refused(source, block.line + number, each.reason, texts[number].decode(errors="replace")))
    return Rows(incoming.rows, sorted(refused, key=lambda each: each.line))
