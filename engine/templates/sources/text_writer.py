"""A text source being written: where its line stands, through loops, conditions, blocks and macros."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from engine.templates.sources.masking import Masks, Tag, TagKind

_SPACE = re.compile(r"[ \t\n\r\f\u200c\u034f]+")
_JINJA = re.compile(r"\{(?=[{%#])")
_MARKUP_FILTER = re.compile(r"\|\s*(?:e|escape|forceescape)\s*(?=\+?\}\}$)")
_SAFE_FILTER = re.compile(r"\|\s*safe\s*(?=\+?\}\}$)")
_NAMES = re.compile(r"(['\"])([^'\"]+?)(?:\.html)?(?<!\.txt)(?<!\.subject)\.j2\1")
_DEFINED = re.compile(r"\{%\+?\s*(block|macro)\s+(\w+)")
_CALL = re.compile(r"\{\{\+?\s*(?:\w+\.)?(\w+)\(")
_FILE_KEYWORDS = frozenset({"extends", "include", "import", "from"})
HYPHEN: Final = "- "
GAP: Final = "  "  # between cells


@dataclass(slots=True)
class State:
    """Where the line stands: line ends in a row (2 or more at the beginning), and whether a space may be left out."""

    ends: int = 2
    space: bool = True

    def merged(self, other: State) -> State:
        """What may be counted on after either."""
        return State(min(self.ends, other.ends), self.space and other.space)

    def copy(self) -> State:
        return State(self.ends, self.space)


Ends = dict[tuple[str, str], State]  # where the line stands after what is defined: ("block", name), ("macro", name)


@dataclass(slots=True)
class _Opened:
    """A tag whose end is to come: the state before it, that at the ends of its earlier branches, the parts before its content."""

    tag: Tag
    before: State
    start: int
    ended: State | None = None
    cells: bool = False


@dataclass(slots=True)
class TextWriter:
    """Writes a text source.

    ``known`` says where the line stands after blocks and macros, which other files may define; ``found`` gathers that of this source.
    """

    masks: Masks
    known: Mapping[tuple[str, str], State]
    found: Ends = field(default_factory=dict)
    _parts: list[str] = field(default_factory=list)
    _state: State = field(default_factory=State)
    _open: list[_Opened] = field(default_factory=list)
    _raw: bool = False

    def text(self, text: str) -> None:
        """A text as HTML shows it, with its spaces run together. Jinja2's whitespace control has done its work here."""
        parts = list(self.masks.split(text))
        for before, part, after in zip([None, *parts], parts, [*parts[1:], None], strict=False):
            if isinstance(part, Tag):
                self.tag(part)
                continue
            if isinstance(before, Tag) and before.text.endswith(("-}}", "-%}", "-#}")):
                part = part.lstrip()
            if isinstance(after, Tag) and after.text.startswith(("{{-", "{%-", "{#-")):
                part = part.rstrip()
            self._words(_SPACE.sub(" ", part) if part.strip() or not part else " ")

    def _words(self, text: str) -> None:
        if self._state.space:
            text = text.removeprefix(" ")
        if text:
            self._verbatim(text if self._raw else _JINJA.sub("{{ '{' }}", text))
            self._state = State(0, text.endswith(" "))

    def _verbatim(self, text: str) -> None:
        self._parts.append(text)
        self._state = State(0, False)

    def tag(self, tag: Tag) -> None:
        """A tag of Jinja2. What it strips was stripped from the markup; the lines of the text are not for it to strip."""
        text = re.sub(r"-(?=[}%#]\}$)", "", re.sub(r"(?<=^\{[{%#])-", "", tag.text))
        if tag.kind is TagKind.COMMENT:
            self._parts.append(text)
        elif tag.kind is TagKind.EXPRESSION:
            self._verbatim(_SAFE_FILTER.sub("|striptags ", _MARKUP_FILTER.sub("", text)))
            called = _CALL.match(text)
            if called and ("macro", called[1]) in self.known:
                self._state = self.known["macro", called[1]].copy()
        else:
            self._statement(tag, text)

    def _statement(self, tag: Tag, text: str) -> None:
        self._raw = (self._raw or tag.keyword == "raw") and tag.keyword != "endraw"
        if (tag.divides or tag.closes) and self._open and self._open[-1].cells:
            self._end_cells(self._open[-1])
        self._parts.append(_NAMES.sub(r"\1\2.txt.j2\1", text) if tag.keyword in _FILE_KEYWORDS else text)
        if tag.keyword in ("include", "call"):
            self._state = State(0, False)
        if tag.opens:
            opened = _Opened(Tag(tag.kind, text, tag.keyword), self._state, len(self._parts))
            opened.ended = self._state if tag.keyword in ("for", "if") else None
            self._open.append(opened)
            self._state = State() if tag.keyword in ("block", "macro", "set") else self._state.copy()
        elif tag.divides and self._open:
            opened, ended = self._open[-1], self._open[-1].ended
            opened.ended = self._state if ended is None or ended is opened.before else ended.merged(self._state)
            self._state = opened.before.copy()
        elif tag.closes and self._open:
            self._close(self._open.pop())

    def _close(self, opened: _Opened) -> None:
        if opened.ended is not None:
            self._state = opened.ended.merged(self._state)
        defined = _DEFINED.match(opened.tag.text)
        if defined is None:
            self._state = opened.before if opened.tag.keyword == "set" else self._state
            return
        key = (defined[1], defined[2])
        if len(self._parts) - 1 > opened.start:  # an empty block is there to be filled, by somebody who decides
            self.found[key] = self._state.merged(self.found[key]) if key in self.found else self._state
        after = self.known.get(key) or self.found.get(key) or opened.before
        self._state = (opened.before if key[0] == "macro" else after).copy()

    def ends(self, wanted: int) -> None:
        """End the line, and leave an empty one where two ends are wanted; what stands already is counted."""
        missing = wanted - self._state.ends
        if missing > 0:
            if self._state.space and self._parts and self._parts[-1].endswith(" "):
                self._parts[-1] = self._parts[-1][:-1]
            self._parts.append("\n" * missing)
            self._state = State(wanted, True)

    def cell(self) -> None:
        """A cell begins: a gap after the one before, also where a loop repeats it."""
        if self._open and self._open[-1].tag.keyword == "for" and not "".join(self._parts[self._open[-1].start :]):
            self._open[-1].cells = True
        if not self._state.ends and not self._state.space:
            self._parts.append(GAP)
            self._state = State(0, True)

    def _end_cells(self, loop: _Opened) -> None:
        loop.cells = False
        if not self._state.ends and not self._state.space:
            self._parts.append(GAP)
            self._state = State(0, True)

    def bullet(self) -> None:
        self._parts.append(HYPHEN)
        self._state = State(0, True)

    def position(self) -> int:
        """How much is written, in parts."""
        return len(self._parts)

    def address(self, address: str, start: int) -> None:
        """The address of a link whose content was written from ``start`` on: in the line, or below a content of several lines."""
        if not self._state.ends or len(self._parts) == start:
            self.text(f" ({address})")
            return
        while len(self._parts) > start and not self._parts[-1].strip("\n"):
            self._parts.pop()
        self._parts.append("\n")
        self.text(f"({address})")
        self.ends(2)

    def result(self) -> str:
        return "".join(self._parts).strip("\n") + "\n"
