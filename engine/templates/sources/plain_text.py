"""The text part made from an HTML source, Jinja2's tags in it and working.

HTML is read as it is written, one piece after the other, so a loop stays around what it repeats. Block elements end their lines, list
items begin with a hyphen, cells are parted by two spaces, links are followed by their address, images become their alternative text.
What is hidden, styled, scripted or said only to one mail reader is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from engine.templates.sources.markup import VOID, Comment, EndTag, Piece, StartTag, Text, read_markup
from engine.templates.sources.masking import Masks, Tag, TagKind, normalised
from engine.templates.sources.text_writer import Ends, TextWriter

_PARAGRAPHS: Final = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote", "pre", "hr", "figure", "dl"}
)
_LINES: Final = frozenset(
    {
        "div",
        "tr",
        "li",
        "br",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "center",
        "dt",
        "dd",
        "body",
        "address",
        "figcaption",
    }
)
_LEFT_OUT: Final = frozenset({"head", "style", "script", "title", "template", "noscript", "svg", "object"})
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)


def text_parts(pages: Mapping[str, str]) -> dict[str, str]:
    """The text sources of a folder's HTML sources, each under its page's name.

    Templates that a page names as ``x.html.j2`` or ``x.j2`` are named as ``x.txt.j2`` in it. Markup filters go: ``|e`` is dropped and
    ``|safe`` becomes ``|striptags``. Pages are read together, for where a line stands after a block or a macro is decided
    by the page that fills it. Raises jinja2.TemplateSyntaxError.
    """
    known: Ends = {}
    for _ in range(2):  # blocks are made of macros
        known = _ends(pages, known)
    return {name: _written(source, known).result() for name, source in pages.items()}


def _ends(pages: Mapping[str, str], known: Ends) -> Ends:
    found: Ends = {}
    for source in pages.values():
        for key, state in _written(source, known).found.items():
            found[key] = state.merged(found[key]) if key in found else state
    return found


def _written(source: str, known: Ends) -> TextWriter:
    source = normalised(source)
    masks = Masks(source)
    writer = TextWriter(masks, known)
    pieces = _hoisted(read_markup(masks.mask(source)), masks)
    index = 0
    while index < len(pieces):
        index = _write(pieces, index, writer, masks)
    return writer


def _hoisted(pieces: list[Piece], masks: Masks) -> list[Piece]:
    """The pieces with a line ended before a loop, not in it, where the loop's body begins with a block."""
    found: list[Piece] = []
    for piece, after in zip(pieces, [*pieces[1:], None], strict=True):
        if isinstance(piece, Text) and isinstance(after, StartTag) and after.name in _LINES | _PARAGRAPHS:
            parts = list(masks.split(piece.text))
            last = next((part for part in reversed(parts) if not (isinstance(part, str) and not part.strip())), None)
            if isinstance(last, Tag) and last.keyword == "for":
                cut = max(match.start() for match in masks.pattern.finditer(piece.text))
                found.extend(
                    (
                        Text(piece.text[:cut], piece.start),
                        EndTag("div", piece.start),
                        Text(piece.text[cut:], piece.start),
                    )
                )
                continue
        found.append(piece)
    return found


def _write(pieces: list[Piece], index: int, writer: TextWriter, masks: Masks) -> int:
    """Write one piece; the index of the next."""
    piece = pieces[index]
    if isinstance(piece, Text):
        writer.text(piece.text)
    elif isinstance(piece, Comment):
        _unbalanced(piece.text, writer, masks)
    elif isinstance(piece, EndTag):
        _break(piece.name, writer)
    elif piece.name in _LEFT_OUT or _HIDDEN.search(piece.get("style")):
        return _left_out(pieces, index, writer, masks)
    elif piece.name == "a":
        return _link(pieces, index, writer, masks)
    else:
        _start(piece, writer)
    return index + 1


def _start(tag: StartTag, writer: TextWriter) -> None:
    if tag.name == "br":
        writer.ends(1)
    elif tag.name == "img":
        writer.text(tag.get("alt"))
    elif tag.name in ("td", "th"):
        writer.cell()
    else:
        _break(tag.name, writer)
    if tag.name == "li":
        writer.bullet()


def _break(name: str, writer: TextWriter) -> None:
    if name in _PARAGRAPHS:
        writer.ends(2)
    elif name in _LINES:
        writer.ends(1)


def _link(pieces: list[Piece], index: int, writer: TextWriter, masks: Masks) -> int:
    """A link's content and then its address, where the address says more; the index after it."""
    tag = pieces[index]
    assert isinstance(tag, StartTag)
    end = next((at for at in range(index + 1, len(pieces)) if _is(pieces[at], "a")), len(pieces))
    at, start = index + 1, writer.position()
    while at < end:
        at = _write(pieces, at, writer, masks)
    shown = "".join(piece.text for piece in pieces[index + 1 : end] if isinstance(piece, Text)).strip()
    address = tag.get("href").strip().removeprefix("mailto:").removeprefix("tel:")
    if address and not address.startswith("#") and masks.unmask(address) != masks.unmask(shown):
        writer.address(address, start)
    return min(end + 1, len(pieces))


def _is(piece: Piece, end_of: str) -> bool:
    return isinstance(piece, EndTag) and piece.name == end_of


def _left_out(pieces: list[Piece], index: int, writer: TextWriter, masks: Masks) -> int:
    """Pass over an element, but for the statements in it that reach beyond it; the index after it."""
    tag = pieces[index]
    assert isinstance(tag, StartTag)
    depth, at, inside = 1, index + 1, []
    while at < len(pieces) and depth and tag.name not in VOID:
        piece = pieces[at]
        if isinstance(piece, StartTag | EndTag):
            if piece.name == tag.name:
                depth += 1 if isinstance(piece, StartTag) else -1
        else:
            inside.append(piece.text)
        at += 1
    _unbalanced("".join(inside), writer, masks)
    return at


def _unbalanced(text: str, writer: TextWriter, masks: Masks) -> None:
    """Keep the statements of a text that is left out, but not those that begin and end in it."""
    kept: list[Tag] = []
    for part in masks.split(text):
        if isinstance(part, str) or part.kind is not TagKind.STATEMENT:
            continue
        if part.closes and kept and _opened(kept):
            while kept and not kept.pop().opens:
                pass
        else:
            kept.append(part)
    for tag in kept:
        writer.tag(tag)


def _opened(tags: list[Tag]) -> bool:
    return any(tag.opens for tag in tags)
