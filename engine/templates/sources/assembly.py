"""A page put together from its files as a reader of HTML needs it: to see which elements stand inside which.

Extends, blocks and includes with constant names are followed. What is put together is read for its structure and then thrown away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from engine.templates.sources.masking import Masks

DEEPEST = 20  # files inside one another
_TARGET = re.compile(r"\{%[-+]?\s*(?:extends|include)\s+(?:\(|\[)?\s*['\"]([^'\"]+)['\"]")
_BLOCK = re.compile(r"\{%[-+]?\s*block\s+(\w+)")


def pages(files: Mapping[str, str], masks: Masks) -> dict[str, str]:
    """The whole pages by name: every masked file that no other one includes or extends, put together."""
    used = {target for text in files.values() for _, target in _targets(text, masks)}
    chosen = [name for name in files if name not in used] or list(files)
    return {name: _page(files[name], files, masks, {}, 0) for name in chosen}


def _targets(text: str, masks: Masks) -> Iterator[tuple[str, str]]:
    for match in masks.pattern.finditer(text):
        tag = masks.tags[int(match[1])]
        if tag.keyword in ("extends", "include"):
            found = _TARGET.match(tag.text)
            if found:
                yield tag.keyword, found[1]


def _page(text: str, files: Mapping[str, str], masks: Masks, blocks: dict[str, str], depth: int) -> str:
    own = _blocks(text, masks)
    merged = {**own, **blocks}
    base = next((target for keyword, target in _targets(text, masks) if keyword == "extends" and target in files), None)
    if base is not None and depth < DEEPEST:
        return _page(files[base], files, masks, merged, depth + 1)
    return _filled(text, files, masks, merged, depth)


def _filled(text: str, files: Mapping[str, str], masks: Masks, blocks: dict[str, str], depth: int) -> str:
    """The text with its blocks' last words and its includes in their places."""
    parts = []
    position = 0
    for start, end, name in _outermost_blocks(text, masks):
        content = blocks.get(name, text[start:end])
        inner = {key: value for key, value in blocks.items() if key != name}  # a block inside itself would not end
        parts.append(_included(text[position:start], files, masks, depth))
        parts.append(_filled(content, files, masks, inner, depth + 1) if depth < DEEPEST else content)
        position = end
    return "".join((*parts, _included(text[position:], files, masks, depth)))


def _included(text: str, files: Mapping[str, str], masks: Masks, depth: int) -> str:
    def content(match: re.Match[str]) -> str:
        found = next(_targets(match[0], masks), None)
        if found is None or found[0] != "include" or found[1] not in files or depth >= DEEPEST:
            return match[0]
        return _page(files[found[1]], files, masks, {}, depth + 1)

    return masks.pattern.sub(content, text)


def _blocks(text: str, masks: Masks) -> dict[str, str]:
    found = {}
    for start, end, name in _outermost_blocks(text, masks):
        content = text[start:end]
        found.update({name: content, **_blocks(content, masks)})
    return found


def _outermost_blocks(text: str, masks: Masks) -> Iterator[tuple[int, int, str]]:
    """Where the content of each block begins and ends that is not in another one."""
    depth = start = 0
    name = ""
    for match in masks.pattern.finditer(text):
        tag = masks.tags[int(match[1])]
        if tag.keyword == "block":
            if depth == 0:
                found = _BLOCK.match(tag.text)
                start, name = match.end(), found[1] if found else ""
            depth += 1
        elif tag.keyword == "endblock" and depth:
            depth -= 1
            if depth == 0:
                yield start, match.start(), name
