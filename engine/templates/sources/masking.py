"""Jinja2's tags taken out of a source, so that a reader of HTML or CSS sees words in their place, and put back.

A mask is a word of lower-case letters and digits, valid as text, as an attribute, inside an attribute's value and as a CSS identifier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from jinja2.lexer import get_lexer

from engine.templates.sandbox import campaign_environment

_LEXER = get_lexer(campaign_environment(autoescape=True))
_NEWLINE = re.compile(r"\r\n|\r")
_KEYWORD = re.compile(r"\{%[-+]?\s*(\w+)")
_OPENING = frozenset("for if macro call filter block with autoescape set raw trans".split())  # noqa: SIM905
_MIDDLE = frozenset({"else", "elif"})


class TagKind(StrEnum):
    EXPRESSION = "expression"
    STATEMENT = "statement"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of Jinja2: its whole text, and for a statement its keyword (``for``, ``endfor``; empty for others)."""

    kind: TagKind
    text: str
    keyword: str = ""

    @property
    def opens(self) -> bool:
        """Whether an end tag follows it."""
        return self.keyword in _OPENING and not (self.keyword == "set" and "=" in self.text)

    @property
    def closes(self) -> bool:
        return self.keyword.startswith("end")

    @property
    def divides(self) -> bool:
        """Whether it stands between an opening tag and its end."""
        return self.keyword in _MIDDLE


class Masks:
    """The masks of one source or of several that are read together; ``prefix`` occurs in none of them."""

    def __init__(self, *sources: str) -> None:
        joined = "\n".join(sources).lower()
        number = 0
        while f"jm{number}x" in joined:
            number += 1
        self.prefix = f"jm{number}x"
        self.tags: list[Tag] = []
        self.pattern = re.compile(rf"{self.prefix}(\d+)z")

    def mask(self, source: str) -> str:
        """The source with a word in each tag's place; raises jinja2.TemplateSyntaxError where the tags are not well-formed."""
        parts: list[str] = []
        position = 0
        for start, end in _spans(source):
            parts.extend((source[position:start], f"{self.prefix}{len(self.tags)}z"))
            self.tags.append(_tag(source[start:end]))
            position = end
        return "".join((*parts, source[position:]))

    def unmask(self, masked: str) -> str:
        return self.pattern.sub(lambda match: self.tags[int(match[1])].text, masked)

    def split(self, masked: str) -> Iterator[str | Tag]:
        """The texts and tags of a masked text in their order, empty texts left out."""
        position = 0
        for match in self.pattern.finditer(masked):
            if match.start() > position:
                yield masked[position : match.start()]
            yield self.tags[int(match[1])]
            position = match.end()
        if position < len(masked):
            yield masked[position:]


def normalised(source: str) -> str:
    """The source with the line ends that Jinja2 gives it."""
    return _NEWLINE.sub("\n", source)


def _tag(text: str) -> Tag:
    if text.startswith("{{"):
        return Tag(TagKind.EXPRESSION, text)
    if text.startswith("{#"):
        return Tag(TagKind.COMMENT, text)
    found = _KEYWORD.match(text)
    return Tag(TagKind.STATEMENT, text, found[1] if found else "")


def _spans(source: str) -> Iterator[tuple[int, int]]:
    """Where each tag begins and ends. A raw block is two tags with text between.

    The lexer strips texts, so a tag is found by its beginning; within a tag its tokens follow each other without a gap.
    """
    position = start = 0
    within = False
    for _line, token, value in _LEXER.tokeniter(source, None):
        if within:
            position += len(value)
        elif token in ("variable_begin", "block_begin", "comment_begin", "raw_begin", "raw_end"):
            start = source.index(value.strip(), position)
            position = start + len(value.lstrip())
            within = token not in ("raw_begin", "raw_end")
            if not within:
                position = start + len(value.strip())
                yield start, position
        if token in ("variable_end", "block_end", "comment_end"):
            within = False
            end = start + len(source[start:position].rstrip())
            yield start, end
            position = end
