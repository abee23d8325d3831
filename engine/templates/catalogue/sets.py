"""A campaign's templates, prepared: each has the three parts of a message and a content hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import BaseLoader, DictLoader

from engine.errors import Diagnostic, MissingInputError, did_you_mean
from engine.templates.catalogue.assets import Assets, with_addresses
from engine.templates.catalogue.dependencies import files_of, missing
from engine.templates.catalogue.digest import digest_of
from engine.templates.catalogue.names import HTML, SUBJECT, TEXT, check_names
from engine.templates.program import Part
from engine.templates.sources import check_syntax, prepare


@dataclass(frozen=True, slots=True)
class TemplateSet:
    """One template: its parts ``subject``, ``text`` and ``html``, prepared, and the SHA-256 of all that they depend on.

    ``shared`` are the sources that the parts may extend, include or import, by name. The whole travels to workers as it is.
    """

    name: str
    parts: Mapping[str, Part]
    shared: Mapping[str, str]
    digest: str

    @property
    def loader(self) -> BaseLoader:
        return DictLoader(self.shared)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The templates of a folder, and what whoever wrote them should know."""

    templates: tuple[TemplateSet, ...]
    diagnostics: tuple[Diagnostic, ...] = ()


def catalogue_of(names: Sequence[str], files: Mapping[str, str], assets: Assets | None = None) -> Catalogue:
    """The templates ``names``, made of the sources of their folder by name.

    Raises InputError for names and sources that cannot be, MissingInputError for parts that are not there.
    """
    check_names([*names, *files])
    lacking = list(missing(names, files))
    if lacking:
        raise MissingInputError(
            *(
                Diagnostic("MR313", f"there is no template file {name}", help=did_you_mean(name, list(files)))
                for name in lacking
            )
        )
    check_syntax(files)
    prepared = prepare(with_addresses(files, assets))
    return Catalogue(tuple(_set(name, prepared.files) for name in names), prepared.diagnostics)


def _set(name: str, files: Mapping[str, str]) -> TemplateSet:
    parts = {
        part: Part(files[name + suffix], name + suffix, autoescape=part == "html")
        for part, suffix in (("subject", SUBJECT), ("text", TEXT), ("html", HTML))
    }
    shared = files_of(name, files)
    return TemplateSet(name, parts, shared, digest_of({**shared, "": name}))
