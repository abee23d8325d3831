"""MJML compiled to HTML, Jinja2's tags in it and in their order."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from engine.errors import InputError, Place
from engine.templates.sources.markup import Comment, EndTag, Piece, StartTag, depth_of, read_markup
from engine.templates.sources.masking import Masks, TagKind, normalised

if TYPE_CHECKING:
    from mjml import IncludeLoader

DEEPEST = 64  # the compiler recurses and, some thousands of elements deep, takes the process with it
_VERBATIM = frozenset({"mj-style", "mj-title", "mj-preview", "style"})  # a comment would be part of their text
_INCLUDE = re.compile(r"<mj-include\b", re.IGNORECASE)
_NAMES = re.compile(r"(['\"])([^'\"]+)\.mjml\.j2\1")


def mjml_to_html(name: str, files: Mapping[str, str]) -> str:
    """The HTML source of the MJML source ``files[name]``; ``mj-include`` takes its path from the same files.

    Raises InputError for what is no MJML, for elements more than 64 deep, for an include that is not among the files or that includes
    another one, and where a tag stands so that it would be moved or lost. Raises jinja2.TemplateSyntaxError.
    """
    sources = {each: normalised(source) for each, source in files.items()}
    masks = Masks(*sources.values())
    masked = {name: _commented(masks.mask(sources[name]), masks)}
    pieces = read_markup(masked[name])
    depth = _checked_depth(name, pieces, 0)
    for target in _included(name, pieces):
        if target in sources and not _INCLUDE.search(sources[target]):
            masked[target] = _commented(masks.mask(sources[target]), masks)
            _checked_depth(target, read_markup(masked[target]), depth)

    def include(path: str) -> str:
        return masked[_path(name, path)]

    html = _uncommented(_compiled(name, masked[name], include), masks)
    _check_order(name, masked[name], html, masks)
    return _NAMES.sub(r"\1\2.html.j2\1", masks.unmask(html))


def _included(name: str, pieces: list[Piece]) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, StartTag) and piece.name == "mj-include":
            yield _path(name, piece.get("path"))


def _path(name: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _compiled(name: str, masked: str, include: IncludeLoader) -> str:
    import mjml

    try:
        html: str = mjml.mjml2html(masked, include_loader=include)
    except ValueError as error:
        raise InputError.single(
            "MR241",
            f"not valid MJML: {error}",
            place=Place(name),
            help="a tag with a number's place, as in width, and includes of includes are not taken",
        ) from error
    return html


def _commented(masked: str, masks: Masks) -> str:
    """Statements between elements as comments, which the compiler leaves in their places."""
    closed: list[tuple[int, int]] = []
    verbatim: int | None = None
    for piece in read_markup(masked):
        if isinstance(piece, StartTag):
            closed.append((piece.start, piece.end))
            verbatim = piece.end if piece.name in _VERBATIM else verbatim
        elif isinstance(piece, EndTag) and piece.name in _VERBATIM and verbatim is not None:
            closed.append((verbatim, piece.start))
            verbatim = None
        elif isinstance(piece, Comment):
            closed.append((piece.start, piece.start + len(piece.text) + 7))

    def written(match: re.Match[str]) -> str:
        between = not any(start <= match.start() < end for start, end in closed)
        statement = masks.tags[int(match[1])].kind is not TagKind.EXPRESSION
        return f"<!--{match[0]}-->" if between and statement else match[0]

    return masks.pattern.sub(written, masked)


def _uncommented(html: str, masks: Masks) -> str:
    return re.sub(rf"<!--\s*({masks.pattern.pattern})\s*-->", r"\1", html)


def _checked_depth(name: str, pieces: list[Piece], above: int) -> int:
    depth = above + depth_of(pieces)
    if depth > DEEPEST:
        raise InputError.single(
            "MR242",
            f"elements {depth} deep; {DEEPEST} are allowed",
            place=Place(name),
            help="an end tag may be missing",
        )
    return depth


def _check_order(name: str, masked: str, html: str, masks: Masks) -> None:
    """Statements must come out once each, in the order in which they went in."""

    def statements(text: str) -> list[int]:
        found = [int(match[1]) for match in masks.pattern.finditer(text)]
        return [number for number in found if masks.tags[number].kind is TagKind.STATEMENT]

    came_out = statements(html)
    went_in = statements(masked)
    own = set(went_in)
    if [number for number in came_out if number in own] != went_in:
        raise InputError.single(
            "MR243",
            "MJML would move or repeat a statement",
            place=Place(name),
            help="put statements between elements or into mj-raw, and whole conditions into mj-title and mj-preview as expressions",
        )
