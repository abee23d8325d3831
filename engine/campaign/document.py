"""A YAML text with the place of every key and value in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from engine.campaign.scalars import scalar_offsets
from engine.errors import Diagnostic, Place

KeyPath = tuple[str | int, ...]
Locate = Callable[[int, int], Place]
Kind = TypeVar("Kind")

LONGEST_EXCERPT = 400

# Lines that may hold a secret written inline are never shown.
_SECRET = re.compile(
    r"(?i)(secret|password|passwd|token|credentials|api_?key|dkim.*key)[\"']?\s*:\s*(?![\"']?(?:env|file):)\S|://[^/\s]*:[^/\s]*@"
    r"|[?&][^=&\s]*password[^=&\s]*=\S"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` to ``end`` of a text; ``style`` is the YAML style of a scalar, None if plain or no scalar."""

    start: int
    end: int
    style: str | None = None


@dataclass(frozen=True)
class Document:
    """What a YAML file says: plain values, and where each of them stands.

    ``keys`` and ``values`` give the span of a key and of its value by the path from the top, such as
    ``("workflow", 0, "template")``.
    """

    file: str
    text: str
    value: Any
    keys: Mapping[KeyPath, Span]
    values: Mapping[KeyPath, Span]

    def get(self, path: KeyPath, kind: type[Kind]) -> Kind | None:
        """The value at ``path`` if it is there and of that kind; a wrong type is somebody else's diagnostic."""
        value: Any = self.value
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value if isinstance(value, kind) else None

    def has(self, path: KeyPath) -> bool:
        return path in self.values

    def place_of_value(self, path: KeyPath) -> Place:
        return self._place(self.values[path])

    def place_of_key(self, path: KeyPath) -> Place:
        """Where the key stands; an item of a list has no key, so its value."""
        return self._place(self.keys.get(path) or self.values[path])

    def locate(self, path: KeyPath) -> Locate:
        """A function from (offset, width) in the text at ``path`` to the place of those characters in the file."""
        span = self.values[path]
        value = self.get(path, str) or ""
        offsets = scalar_offsets(self.text[span.start : span.end], value, span.style)

        def place(offset: int, width: int) -> Place:
            first = offsets[min(max(offset, 0), len(value))]
            last = offsets[min(max(offset + width - 1, offset, 0), len(value))]
            return self._place(Span(span.start + first, span.start + last + 1))

        return place

    def place_at(self, index: int) -> Place:
        """The place of one character of the text."""
        return self._place(Span(index, index + 1))

    def fault(self, code: str, message: str, place: Place | KeyPath, help: str | None = None) -> Diagnostic:
        """A diagnostic at ``place``, or at the value of that path."""
        return Diagnostic(
            code, printable(message), place if isinstance(place, Place) else self.place_of_value(place), help
        )

    def _place(self, span: Span) -> Place:
        start = min(span.start, len(self.text))
        line_start = self.text.rfind("\n", 0, start) + 1
        line_end = self.text.find("\n", start)
        line_end = len(self.text) if line_end < 0 else line_end
        excerpt = printable(self.text[line_start:line_end].rstrip("\r"))
        return Place(
            file=self.file,
            line=self.text.count("\n", 0, start) + 1,
            column=start - line_start + 1,
            excerpt=None if _SECRET.search(excerpt) or len(excerpt) > LONGEST_EXCERPT else excerpt,
            width=max(1, min(span.end, line_end) - start),
        )


def printable(text: str) -> str:
    """``text`` with a blank for each character that a terminal might obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def dotted(path: KeyPath) -> str:
    """The path as users write it: ``workflow[0].template``."""
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return words.removeprefix(".")
