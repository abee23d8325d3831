"""What is done once to the sources of a template folder, and never to a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError

from engine.errors import Diagnostic, InputError, Place
from engine.templates.sandbox import TemplateLimitError, campaign_environment
from engine.templates.sources.lint import lint
from engine.templates.sources.mjml_pages import mjml_to_html
from engine.templates.sources.plain_text import text_parts
from engine.templates.sources.styles import inline_styles

HTML, TEXT, SUBJECT, MJML, PLAIN = ".html.j2", ".txt.j2", ".subject.j2", ".mjml.j2", ".j2"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The sources that are compiled, by name (``offer.html.j2``), and what whoever wrote them should know."""

    files: Mapping[str, str]
    diagnostics: tuple[Diagnostic, ...] = ()


def prepare(files: Mapping[str, str]) -> Prepared:
    """The sources of a folder with MJML compiled, styles written into elements and missing text parts made.

    ``files`` maps names relative to the folder to sources, whose syntax has been checked. Raises InputError for what MJML or CSS
    refuse.
    """
    given = {name: source for name, source in files.items() if not name.endswith(MJML)}
    pages = {**_pages(given), **_compiled(files)}
    inlined = inline_styles(pages)
    diagnostics = [*inlined.diagnostics, *(each for name in pages for each in lint(name, pages[name]))]
    texts = {_named(name, TEXT): text for name, text in text_parts(pages).items()}
    return Prepared({**texts, **given, **inlined.files}, tuple(diagnostics))


def _pages(files: Mapping[str, str]) -> dict[str, str]:
    """The sources of markup; those named ``x.html.j2`` last."""
    pages = {name: source for name, source in files.items() if not name.endswith((TEXT, SUBJECT))}
    return dict(sorted(pages.items(), key=lambda page: page[0].endswith(HTML)))


def _named(name: str, suffix: str) -> str:
    for ending in (MJML, HTML, PLAIN):
        if name.endswith(ending):
            return name.removesuffix(ending) + suffix
    return name + suffix


def _compiled(files: Mapping[str, str]) -> dict[str, str]:
    """The HTML of every MJML page; a source without an ``mjml`` element is there to be included."""
    compiled = {}
    for name, source in files.items():
        if name.endswith(MJML) and "<mjml" in source:
            if _named(name, HTML) in files:
                raise InputError.single("MR240", f"{name} and {_named(name, HTML)} are one template", place=Place(name))
            compiled[_named(name, HTML)] = mjml_to_html(name, files)
    return compiled


def check_syntax(files: Mapping[str, str]) -> None:
    """Raise InputError with every syntax error and every limit exceeded in sources by name."""
    environment = campaign_environment(autoescape=True)
    faults = []
    for name, source in files.items():
        try:
            environment.parse(source, name)
        except TemplateSyntaxError as error:
            faults.append(_fault("MR231", error.message or "not a template", name, error.lineno, source))
        except TemplateLimitError as error:
            faults.append(_fault("MR232", error.reason, name, error.lineno, source))
    if faults:
        raise InputError(*faults)


def _fault(code: str, message: str, name: str, line: int | None, source: str) -> Diagnostic:
    lines = source.splitlines()
    excerpt = lines[line - 1] if line is not None and line <= len(lines) else None
    return Diagnostic(code, message, Place(name, line, excerpt=excerpt))
