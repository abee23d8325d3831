"""CSS written into the elements that it applies to, once, in the source.

Only ``style`` attributes and ``style`` elements of a source change; every other character stays where it is, so loops, conditions and
line numbers stay too. Which rules apply to which element is asked of a CSS inliner, on a page in which words stand in for Jinja2's tags.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.errors import Diagnostic, InputError, Place
from engine.templates.sources.assembly import pages
from engine.templates.sources.markup import EndTag, StartTag, depth_of, read_markup
from engine.templates.sources.masking import Masks, TagKind, normalised
from engine.templates.sources.rules import Sheet, cut, is_plain

MARK = "data-element"
_ATTRIBUTE = re.compile(r"\s+([^\s=>/\"']+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+))?")
_DECIDES = frozenset({"class", "id", "style"})  # attributes that choose or hold an element's style
DEEPEST = 1_000  # elements; the inliner recurses and, some ten thousand deep, takes the process with it
DYNAMIC, LOGIC, CONFLICT = "MR221", "MR222", "MR223"


@dataclass(frozen=True, slots=True)
class Inlined:
    """The files with their styles written in, and what could not be done."""

    files: Mapping[str, str]
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(slots=True)
class _Element:
    file: str
    tag: StartTag
    dynamic: bool


@dataclass(slots=True)
class _SheetElement:
    """A ``style`` element at ``[start, end)`` of its file; ``css`` is None where it must stay as it is."""

    start: int
    end: int
    css: str | None


@dataclass(slots=True)
class _Reading:
    masks: Masks
    masked: dict[str, str]
    elements: list[_Element] = field(default_factory=list)
    sheets: dict[str, list[_SheetElement]] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def note(self, code: str, message: str, file: str, start: int, help: str) -> None:
        line = self.masks.unmask(self.masked[file][:start]).count("\n") + 1
        self.diagnostics.append(Diagnostic(code, message, Place(file, line), help))


def inline_styles(files: Mapping[str, str]) -> Inlined:
    """Write the style sheets of a folder's HTML sources into their elements; nothing remote or local is loaded.

    ``files`` maps names to sources; those that include or extend one another are read together. A sheet keeps its at-rules, its rules
    on a reader's acts (``:hover``) and, where the page has Jinja2 statements, those on siblings (``:first-child``). It is kept whole
    where a class is chosen by a tag. A ``style`` element with ``data-css-inline`` is left alone. Raises InputError for CSS that cannot
    be read.
    """
    sources = {name: normalised(source) for name, source in files.items()}
    masks = Masks(*sources.values())
    reading = _Reading(masks, {name: masks.mask(source) for name, source in sources.items()})
    for name in sources:
        _read(reading, name)
    if not any(sheet.css is not None for sheets in reading.sheets.values() for sheet in sheets):
        return Inlined(dict(files), tuple(reading.diagnostics))
    repeats = any(tag.kind is TagKind.STATEMENT for tag in masks.tags)
    styles = _styles(reading, repeats)
    keep_all = any(element.dynamic for element in reading.elements)
    written = {name: _written(reading, name, styles, repeats, keep_all) for name in sources}
    return Inlined(written, tuple(reading.diagnostics))


def _read(reading: _Reading, name: str) -> None:
    opened: StartTag | None = None
    sheets = reading.sheets[name] = []
    for piece in read_markup(reading.masked[name]):
        if isinstance(piece, StartTag):
            opened = piece if piece.name == "style" else None
            if piece.name not in ("style", "script"):
                reading.elements.append(_Element(name, piece, _is_dynamic(reading, name, piece)))
        elif isinstance(piece, EndTag) and piece.name == "style" and opened is not None:
            sheets.append(_sheet(reading, name, opened, piece))
            opened = None


def _sheet(reading: _Reading, name: str, opened: StartTag, closed: EndTag) -> _SheetElement:
    text = reading.masked[name]
    end = text.index(">", closed.start) + 1
    css = text[opened.end : closed.start]
    if any(key == "data-css-inline" for key, _ in opened.attributes):
        return _SheetElement(opened.start, end, None)
    statements = any(
        not isinstance(part, str) and part.kind is not TagKind.EXPRESSION for part in reading.masks.split(css)
    )
    if not is_plain(css, reading.masks.pattern, statements):
        reading.note(
            LOGIC,
            "a style sheet with tags outside of values is not written into elements",
            name,
            opened.start,
            "give the tag a value's place, as in `color: {{ brand }}`, or mark the sheet with data-css-inline",
        )
        return _SheetElement(opened.start, end, None)
    return _SheetElement(opened.start, end, css)


def _is_dynamic(reading: _Reading, name: str, tag: StartTag) -> bool:
    """Whether a tag of Jinja2 decides which rules apply; its element is then left to the sheet."""
    pattern = reading.masks.pattern
    for key, value in tag.attributes:
        bare = pattern.sub("", key)
        touched = bare != key or (bare in ("class", "id") and pattern.search(value or "") is not None)
        if touched and (bare in _DECIDES or not bare):
            reading.note(
                DYNAMIC,
                "a style that a tag chooses is left to the style sheet",
                name,
                tag.start,
                "some mail readers ignore style sheets; write the choice as whole elements",
            )
            return True
    return False


def _styles(reading: _Reading, repeats: bool) -> dict[int, str]:
    """The declarations that apply to each element, by its number."""
    import css_inline

    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False)
    marked = {name: _marked(reading, name, repeats) for name in reading.masked}
    found: dict[int, str] = {}
    for name, page in pages(marked, reading.masks).items():
        if depth_of(read_markup(page)) > DEEPEST:
            raise InputError.single("MR224", f"more than {DEEPEST:,} elements inside one another", place=Place(name))
        try:
            inlined = inliner.inline(page)
        except ValueError as error:
            raise InputError.single("MR220", f"the style sheet cannot be read: {error}", place=Place(name)) from error
        for number, style in _marked_styles(inlined):
            if found.setdefault(number, style) != style:
                element = reading.elements[number]
                reading.note(
                    CONFLICT,
                    "an element of a shared file is styled in one way by one page and in another way by another",
                    element.file,
                    element.tag.start,
                    "the first page's style is written; give the pages different files",
                )
    return found


def _marked(reading: _Reading, name: str, repeats: bool) -> str:
    """The file with its elements numbered, their own styles off, and its sheets reduced to what is to be written in."""
    text = reading.masked[name]
    changes: list[tuple[int, int, str]] = []
    for number, element in enumerate(reading.elements):
        if element.file == name:
            tag = element.tag
            bare = _without_style(text[tag.start : tag.end])
            name_end = 1 + len(tag.name)
            changes.append((tag.start, tag.end, f'{bare[:name_end]} {MARK}="{number}"{bare[name_end:]}'))
    for sheet in reading.sheets[name]:
        css = "" if sheet.css is None else cut(sheet.css, repeats=repeats).inlined
        changes.append((sheet.start, sheet.end, f"<style>{css}</style>" if css else ""))
    return _changed(text, changes)


def _without_style(tag: str) -> str:
    return _ATTRIBUTE.sub(lambda match: "" if match[1].lower() == "style" else match[0], tag)


def _marked_styles(page: str) -> Iterator[tuple[int, str]]:
    for piece in read_markup(page):
        if isinstance(piece, StartTag):
            number = piece.get(MARK)
            if number:
                yield int(number), piece.get("style")


def _written(reading: _Reading, name: str, styles: Mapping[int, str], repeats: bool, keep_all: bool) -> str:
    text = reading.masked[name]
    changes: list[tuple[int, int, str]] = []
    for number, element in enumerate(reading.elements):
        style = styles.get(number, "").strip().rstrip(";")
        if element.file == name and style and not element.dynamic:
            tag = element.tag
            changes.append((tag.start, tag.end, _with_style(text[tag.start : tag.end], len(tag.name), style)))
    if not keep_all:
        for sheet in reading.sheets[name]:
            if sheet.css is not None:
                lines = reading.masks.unmask(text[sheet.start : sheet.end]).count("\n")
                changes.append((sheet.start, sheet.end, _remainder(cut(sheet.css, repeats=repeats), lines)))
    return reading.masks.unmask(_changed(text, changes))


def _remainder(sheet: Sheet, lines: int) -> str:
    """What is left of a style element, on as many lines as it had: the errors of a template name its lines."""
    left = f"<style>{sheet.kept}</style>" if sheet.kept else ""
    missing = lines - left.count("\n")
    return left + ("{#" + "\n" * missing + "#}" if missing > 0 else "")


def _with_style(tag: str, name_length: int, style: str) -> str:
    """The tag with declarations before its own, which are the stronger ones."""
    written = html.escape(style, quote=False).replace('"', "'")
    for match in _ATTRIBUTE.finditer(tag):
        if match[1].lower() == "style" and match[2] is not None:
            own = match[2].strip("\"'")
            quote = "'" if match[2].startswith("'") else '"'
            written = written.replace("'", '"') if quote == "'" else written
            return f"{tag[: match.start(2)]}{quote}{written}; {own}{quote}{tag[match.end(2) :]}"
    return f'{tag[: 1 + name_length]} style="{written}"{tag[1 + name_length :]}'


def _changed(text: str, changes: list[tuple[int, int, str]]) -> str:
    parts: list[str] = []
    position = 0
    for start, end, replacement in sorted(changes):
        parts.extend((text[position:start], replacement))
        position = end
    return "".join((*parts, text[position:]))
