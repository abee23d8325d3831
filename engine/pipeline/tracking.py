"""Links that tell that they were followed, and a picture that tells that it was seen: written into templates, once.

A constant address costs one signature a campaign and nothing a message: around it stands the message's own token, a column like any
other. An address that a template computes is left alone: what it is, is known only per row.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from engine.campaign.schema import Tracking
from engine.delivery.feedback.keyring import sign_link, web_address
from engine.pipeline.definition import TENANT
from engine.templates.catalogue import TemplateSet

CLICK_URL, OPEN_URL = (
    "click_url",
    "open_url",
)  # what templates know of the message: a link's beginning, the picture's address
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_RAW = re.compile(r"\{%[-+]?\s*raw\b")
_LINK = re.compile(r"""(<a(?:rea)?\s(?:[^<>]*?\s)?href\s*=\s*)(["'])(https?://[^"'<>\s\x00]+)\2""", re.IGNORECASE)
_END = re.compile(r"</body\s*>", re.IGNORECASE)
_PIXEL = f'<img src="{{{{ {OPEN_URL} }}}}" width="1" height="1" alt="" style="border:0">'


def tracked(templates: Iterable[TemplateSet], tracking: Tracking | None, secret: bytes) -> list[TemplateSet]:
    """The templates with what ``tracking`` asks for; only their HTML is changed."""
    if tracking is None:
        return list(templates)
    return [_tracked(each, tracking, lambda url: sign_link(secret, TENANT, url)) for each in templates]


def _tracked(template: TemplateSet, tracking: Tracking, sign: Callable[[str], str]) -> TemplateSet:
    page = template.parts["html"]
    sources = {
        name: source for name, source in template.shared.items() if not name.endswith((".txt.j2", ".subject.j2"))
    }
    sources[page.name] = page.source
    if tracking.clicks:
        sources = {name: _with_links(source, sign) for name, source in sources.items()}
    if tracking.opens:
        sources = _with_picture(sources, page.name)
    parts = {**template.parts, "html": replace(page, source=sources[page.name])}
    return replace(template, parts=parts, shared={**template.shared, **sources})


def _with_links(source: str, sign: Callable[[str], str]) -> str:
    if _RAW.search(source):  # what stands in it is shown as it is, expressions too
        return source
    masked = _JINJA.sub(lambda found: "\x00" * len(found[0]), source)
    pieces, end = [], 0
    for found in _LINK.finditer(masked):
        url = html.unescape(found[3])
        if web_address(url):
            pieces += [source[end : found.start(3)], f"{{{{ {CLICK_URL} }}}}{sign(url)}"]
            end = found.end(3)
    return "".join([*pieces, source[end:]])


def _with_picture(sources: Mapping[str, str], page: str) -> dict[str, str]:
    """The picture stands at the end of the page, wherever that is written; a page without an end has it last."""
    ends = {name: _ends(source) for name, source in sources.items()}
    if not any(ends.values()):
        return {**sources, page: sources[page] + _PIXEL}
    placed = dict(sources)
    for name, positions in ends.items():
        if positions:
            placed[name] = sources[name][: positions[-1]] + _PIXEL + sources[name][positions[-1] :]
    return placed


def _ends(source: str) -> list[int]:
    masked = _JINJA.sub(lambda found: "\x00" * len(found[0]), source)
    return [found.start() for found in _END.finditer(masked)]
