"""Where each character of a YAML scalar stands in the file's text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_HEX_ESCAPES = {"x": 2, "u": 4, "U": 8}
_NAMED_ESCAPES = {"0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_BLOCK_HEADER = re.compile(r"[|>][^\n]*\n?")


def scalar_offsets(source: str, value: str, style: str | None) -> list[int]:
    """For each character of ``value``, and for its end, the offset in ``source``, the scalar as it is written.

    Folding and indentation change white space alone, so that the other characters follow each other in the same order
    in both; white space stands right behind what precedes it.
    """
    visible = [offset for offset, character in _characters(source, style) if not character.isspace()]
    offsets, taken, behind = [], 0, _content_start(source, style)
    for character in value:
        if not character.isspace() and taken < len(visible):
            behind = visible[taken]
            taken += 1
        offsets.append(min(behind, max(0, len(source) - 1)))
        behind += 1
    return [*offsets, min(behind, len(source))]


def _content_start(source: str, style: str | None) -> int:
    if style in ("|", ">"):
        header = _BLOCK_HEADER.match(source)
        return header.end() if header else 0
    return 1 if style in ("'", '"') else 0


def _characters(source: str, style: str | None) -> Iterator[tuple[int, str]]:
    start = _content_start(source, style)
    if style == '"':
        yield from _double_quoted(source, start)
    elif style == "'":
        yield from _single_quoted(source, start)
    else:
        yield from enumerate(source[start:], start)


def _single_quoted(source: str, start: int) -> Iterator[tuple[int, str]]:
    at = start
    while at < len(source) - 1:
        yield at, source[at]
        at += 2 if source[at] == "'" else 1


def _double_quoted(source: str, start: int) -> Iterator[tuple[int, str]]:
    at = start
    while at < len(source) - 1:
        if source[at] != "\\":
            yield at, source[at]
            at += 1
            continue
        letter = source[at + 1]
        digits = _HEX_ESCAPES.get(letter, 0)
        code = source[at + 2 : at + 2 + digits]
        # Escaped white space (\n, \t, a line's end, \_, \N, \L, \P) counts as white space, as in the value.
        yield (
            at,
            chr(int(code, 16)) if digits else _NAMED_ESCAPES.get(letter, " " if letter in "ntr_NLP\n\r" else letter),
        )
        at += 2 + digits
