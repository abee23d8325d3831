"""The text part made from an HTML source, Jinja2's tags in it and working.

HTML is read as it is written, one piece after the other, so a loop stays around what it repeats. Block elements end their lines, list
items begin with a hyphen, cells are parted by two spaces, links are followed by their address, images become their alternative text.
What is hidden, styled, scripted or said only to one mail reader is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from engine.templates.sources.markup import VOID, Comment, EndTag, Piece, StartTag, Text, read_markup
from engine.templates.sources.masking import Masks, Tag, TagKind, normalised

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
_SPACE = re.compile(r"[ \t\n\r\f\u200c\u034f]+")
_JINJA = re.compile(r"\{(?=[{%#])")
_MARKUP_FILTER = re.compile(r"\|\s*(?:e|escape|forceescape)\s*(?=[-+]?\}\}$)")
_SAFE_FILTER = re.compile(r"\|\s*safe\s*(?=[-+]?\}\}$)")
_NAMES = re.compile(r"(['\"])([^'\"]+?)(?:\.html)?(?<!\.txt)(?<!\.subject)\.j2\1")
_FILE_KEYWORDS = frozenset({"extends", "include", "import", "from"})
HYPHEN = "- "


@dataclass(slots=True)
class _State:
    """Where the line stands: line ends in a row (2 or more at the beginning), and whether a space may be left out."""

    ends: int = 2
    space: bool = True

    def merged(self, other: _State) -> _State:
        """What may be counted on after either."""
        return _State(min(self.ends, other.ends), self.space and other.space)

    def copy(self) -> _State:
        return _State(self.ends, self.space)


class _Writer:
    def __init__(self, masks: Masks) -> None:
        self._masks = masks
        self._parts: list[str] = []
        self._state = _State()
        self._open: list[tuple[_State, _State | None]] = []  # state at the opening tag, merged end of earlier branches
        self._raw = False

    def text(self, text: str) -> None:
        """A text as HTML shows it, with its spaces run together."""
        for part in self._masks.split(text):
            if isinstance(part, Tag):
                self.tag(part)
            else:
                self._words(_SPACE.sub(" ", part))

    def _words(self, text: str) -> None:
        if self._state.space:
            text = text.removeprefix(" ")
        if text:
            self.verbatim(text if self._raw else _JINJA.sub("{{ '{' }}", text))
            self._state = _State(0, text.endswith(" "))

    def verbatim(self, text: str) -> None:
        self._parts.append(text)
        self._state = _State(0, False)

    def tag(self, tag: Tag) -> None:
        if tag.kind is TagKind.COMMENT:
            self._parts.append(tag.text)
        elif tag.kind is TagKind.EXPRESSION:
            self.verbatim(_SAFE_FILTER.sub("|striptags ", _MARKUP_FILTER.sub("", tag.text)))
        else:
            self._statement(tag)

    def _statement(self, tag: Tag) -> None:
        self._raw = (self._raw or tag.keyword == "raw") and tag.keyword != "endraw"
        text = _NAMES.sub(r"\1\2.txt.j2\1", tag.text) if tag.keyword in _FILE_KEYWORDS else tag.text
        self._parts.append(text)
        if tag.keyword in ("include", "call"):
            self._state = _State(0, False)
        if tag.opens:
            inside = tag.keyword in ("block", "macro", "set")
            self._open.append((self._state, self._state if tag.keyword in ("for", "if") else None))
            self._state = _State() if inside else self._state.copy()
        elif tag.divides and self._open:
            before, ended = self._open[-1]
            self._open[-1] = (before, self._state if ended is None or ended is before else ended.merged(self._state))
            self._state = before.copy()
        elif tag.closes and self._open:
            before, ended = self._open.pop()
            self._state = self._state if ended is None else ended.merged(self._state)
            if tag.keyword in ("endmacro", "endset"):
                self._state = before

    def ends(self, wanted: int) -> None:
        """End the line, and leave an empty one where two ends are wanted; what stands already is counted."""
        missing = wanted - self._state.ends
        if missing > 0:
            if self._state.space and self._parts and self._parts[-1].endswith(" "):
                self._parts[-1] = self._parts[-1][:-1]
            self._parts.append("\n" * missing)
            self._state = _State(wanted, True)

    def gap(self) -> None:
        if not self._state.ends and not self._state.space:
            self._parts.append("  ")
            self._state = _State(0, True)

    def bullet(self) -> None:
        self._parts.append(HYPHEN)
        self._state = _State(0, True)

    def result(self) -> str:
        return "".join(self._parts).strip("\n") + "\n"


def text_part(source: str) -> str:
    """The text source of an HTML source; templates that it names as ``x.html.j2`` or ``x.j2`` are named as ``x.txt.j2`` in it.

    Markup filters go: ``|e`` is dropped and ``|safe`` becomes ``|striptags``. Raises jinja2.TemplateSyntaxError.
    """
    source = normalised(source)
    masks = Masks(source)
    writer = _Writer(masks)
    pieces = _hoisted(read_markup(masks.mask(source)), masks)
    index = 0
    while index < len(pieces):
        index = _write(pieces, index, writer, masks)
    return writer.result()


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


def _write(pieces: list[Piece], index: int, writer: _Writer, masks: Masks) -> int:
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


def _start(tag: StartTag, writer: _Writer) -> None:
    if tag.name == "br":
        writer.ends(1)
    elif tag.name == "img":
        writer.text(tag.get("alt"))
    elif tag.name in ("td", "th"):
        writer.gap()
    else:
        _break(tag.name, writer)
    if tag.name == "li":
        writer.bullet()


def _break(name: str, writer: _Writer) -> None:
    if name in _PARAGRAPHS:
        writer.ends(2)
    elif name in _LINES:
        writer.ends(1)


def _link(pieces: list[Piece], index: int, writer: _Writer, masks: Masks) -> int:
    """A link's content and then its address, where the address says more; the index after it."""
    tag = pieces[index]
    assert isinstance(tag, StartTag)
    end = next((at for at in range(index + 1, len(pieces)) if _is(pieces[at], "a")), len(pieces))
    at = index + 1
    while at < end:
        at = _write(pieces, at, writer, masks)
    shown = "".join(piece.text for piece in pieces[index + 1 : end] if isinstance(piece, Text)).strip()
    address = tag.get("href").strip().removeprefix("mailto:").removeprefix("tel:")
    if address and not address.startswith("#") and masks.unmask(address) != masks.unmask(shown):
        writer.text(f" ({address})")
    return min(end + 1, len(pieces))


def _is(piece: Piece, end_of: str) -> bool:
    return isinstance(piece, EndTag) and piece.name == end_of


def _left_out(pieces: list[Piece], index: int, writer: _Writer, masks: Masks) -> int:
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


def _unbalanced(text: str, writer: _Writer, masks: Masks) -> None:
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
