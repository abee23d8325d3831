"""Which files of a folder a template is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from jinja2 import meta

from engine.templates.catalogue.names import HTML, MJML, SUBJECT, TEXT, beside, siblings
from engine.templates.sandbox import campaign_environment

_INCLUDE = re.compile(r"<mj-include\b[^>]*\bpath\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)


def files_of(template: str, files: Mapping[str, str]) -> dict[str, str]:
    """The sources among ``files`` that a template's parts are, extend, include or import, in any number of steps.

    All of them where a name is only known when a message is rendered. Raises jinja2.TemplateSyntaxError.
    """
    left = [template + suffix for suffix in (SUBJECT, TEXT, HTML, MJML)]
    found: dict[str, str] = {}
    while left:
        name = left.pop()
        if name not in files or name in found:
            continue
        found[name] = files[name]
        for target in _references(name, files[name]):
            if target is None:
                return dict(files)
            left.extend(siblings(target))
    return found


def _references(name: str, source: str) -> Iterator[str | None]:
    yield from meta.find_referenced_templates(campaign_environment(autoescape=True).parse(source, name))
    if name.endswith(MJML):
        yield from (beside(name, path) for path in _INCLUDE.findall(source))


def missing(names: Iterable[str], files: Mapping[str, str]) -> Iterator[str]:
    """The files that templates must have and that are not there: a subject and a page."""
    for name in names:
        if name + SUBJECT not in files:
            yield name + SUBJECT
        if name + HTML not in files and name + MJML not in files:
            yield name + HTML
