"""Where the tags of a masked HTML source stand, read as it is written: nothing is corrected and nothing moves."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})


@dataclass(frozen=True, slots=True)
class StartTag:
    """A start tag at ``[start, end)`` of the source; attributes are as written, character references resolved."""

    name: str
    start: int
    end: int
    attributes: tuple[tuple[str, str | None], ...]

    def get(self, name: str) -> str:
        """The first attribute's value of that name; empty if there is none."""
        return next((value or "" for key, value in self.attributes if key == name), "")


@dataclass(frozen=True, slots=True)
class EndTag:
    name: str
    start: int


@dataclass(frozen=True, slots=True)
class Text:
    """Text between tags, character references resolved; ``verbatim`` inside style and script."""

    text: str
    start: int
    verbatim: bool = False


@dataclass(frozen=True, slots=True)
class Comment:
    text: str
    start: int


Piece = StartTag | EndTag | Text | Comment


class _Reader(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[Piece] = []
        self._lines = [0]
        for line in source.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self.feed(source)
        self.close()

    def _position(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        start = self._position()
        self.pieces.append(StartTag(tag, start, start + len(self.get_starttag_text() or ""), tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.pieces.append(EndTag(tag, self._position()))

    def handle_data(self, data: str) -> None:
        self.pieces.append(Text(data, self._position(), self.cdata_elem is not None))

    def handle_comment(self, data: str) -> None:
        self.pieces.append(Comment(data, self._position()))


def read_markup(source: str) -> list[Piece]:
    """The tags, texts and comments of a masked source in their order."""
    return _Reader(source).pieces


def depth_of(pieces: list[Piece]) -> int:
    """How deep elements nest, an element without an end tag counted as open."""
    depth = deepest = 0
    for piece in pieces:
        if isinstance(piece, StartTag) and piece.name not in VOID:
            depth += 1
            deepest = max(deepest, depth)
        elif isinstance(piece, EndTag):
            depth = max(depth - 1, 0)
    return deepest
