"""What an HTML source says that a mail reader will show elsewhere than it stands."""

from __future__ import annotations

from collections.abc import Iterator

from engine.errors import Diagnostic, Place
from engine.templates.sources.markup import VOID, EndTag, StartTag, Text, read_markup
from engine.templates.sources.masking import Masks, Tag, TagKind, normalised

_ONLY_ROWS = frozenset({"table", "tbody", "thead", "tfoot", "tr"})


def lint(name: str, source: str) -> Iterator[Diagnostic]:
    """Texts and expressions directly in a table, which HTML moves before it. Statements print nothing, so loops may stand there."""
    source = normalised(source)
    masks = Masks(source)
    masked = masks.mask(source)
    opened: list[str] = []
    for piece in read_markup(masked):
        if isinstance(piece, StartTag) and piece.name not in VOID:
            opened.append(piece.name)
        elif isinstance(piece, EndTag) and piece.name in opened:
            while opened.pop() != piece.name:
                pass
        elif isinstance(piece, Text) and opened and opened[-1] in _ONLY_ROWS and _prints(piece.text, masks):
            line = masks.unmask(masked[: piece.start]).count("\n") + 1
            yield Diagnostic(
                "MR230",
                f"text directly in <{opened[-1]}> is shown before the table",
                Place(name, line, excerpt=source.split("\n")[line - 1]),
                "put it into a cell",
            )


def _prints(text: str, masks: Masks) -> bool:
    return any(part.kind is TagKind.EXPRESSION if isinstance(part, Tag) else part.strip() for part in masks.split(text))
