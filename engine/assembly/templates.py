"""A campaign's templates as they are published, compared and rolled back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from jinja2 import TemplateError

from engine.adapters.stores.template_files import read_sources, remove_sources, write_sources
from engine.adapters.stores.template_versions import TemplateVersions
from engine.assembly.campaign import template_files
from engine.campaign.load import TEMPLATES_FOLDER, load_campaign
from engine.errors import Diagnostic, RefusedError
from engine.templates.catalogue import History, Version, diff, files_of, source_digest, version_digest

VERSIONS_FOLDER = ".mailray/templates"  # beside the templates' folder: what is in it is no template


@dataclass(frozen=True, slots=True)
class Publication:
    """The version that holds now; ``new`` is false where it held already."""

    version: Version
    new: bool


@dataclass(frozen=True, slots=True)
class Rollback:
    """What a rollback did: the files that it wrote and removed, and the other templates that are made of some of them."""

    version: Version
    written: list[str]
    removed: list[str]
    also: list[str]


class CampaignTemplates:
    """The templates of the campaign in ``folder``, as they are now and as they were published."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._working = folder / TEMPLATES_FOLDER
        self._versions = TemplateVersions(folder / VERSIONS_FOLDER)

    @cached_property
    def history(self) -> History:
        """All publications. Raises InputError for an index that is damaged."""
        return self._versions.list()

    def publish(self, *, author: str, at: datetime, note: str) -> list[Publication]:
        """Keep every template that the campaign sends as the version that holds from now on.

        Raises InputError and MissingInputError when one of them is not valid; then none is published.
        """
        files = template_files(load_campaign(self._folder))
        names = [each.name for each in files.sets()]
        before = {name: self.history.current(name).digest for name in names if name in self.history.templates}
        versions = [self._versions.publish(name, files.sources, author=author, at=at, note=note) for name in names]
        return [Publication(each, before.get(each.template) != each.digest) for each in versions]

    def published(self, templates: Iterable[str]) -> dict[str, str]:
        """The hash of the published version that each template's files are, for those that are one."""
        found = {}
        for name in templates:
            known = {each.digest for each in self.history.versions if each.template == name}
            if known and (digest := self.working_digest(name)) in known:
                found[name] = digest
        return found

    def working_digest(self, template: str) -> str:
        """The hash of the version that a template's files would be if they were published now."""
        return version_digest(template, self._made_of(template, self._sources))

    def show(self, template: str, digest: str | None) -> tuple[Version, dict[str, str]]:
        """A version, the one that holds if None, and its sources by name. Raises InputError."""
        return self._versions.show(template, digest)

    def diff(self, template: str, before: str | None, after: str | None) -> str:
        """How a version, the one that holds if None, differs from another, the working files if None, as a unified diff."""
        old = self._versions.show(template, before)[1]
        new = self._made_of(template, self._sources) if after is None else self._versions.show(template, after)[1]
        return diff(old, new)

    def rollback(
        self, template: str, digest: str, *, author: str, at: datetime, note: str, force: bool = False
    ) -> Rollback:
        """Put a version's sources back as the working files, and let it hold again.

        Files that the template has been given since are removed, unless another template of the campaign is made of them. Raises
        RefusedError, unless ``force``, when a text would be lost that no published version has; InputError for an unknown version.
        """
        version, sources = self._versions.show(template, digest)
        others = [name for name in load_campaign(self._folder).templates if name != template]
        before = {name: self._made_of(name, self._sources) for name in others}
        changed = {name: text for name, text in sources.items() if self._sources.get(name) != text}
        after = {**self._sources, **changed}
        used = {name for each in others for name in self._made_of(each, after)}
        removed = [name for name in self._made_of(template, after) if name not in sources and name not in used]
        if not force:
            self._refuse_loss([*changed, *removed])
        write_sources(self._working, changed)
        remove_sources(self._working, removed)
        recorded = self._versions.rollback(template, version.digest, author=author, at=at, note=note)
        left = {name: text for name, text in after.items() if name not in removed}
        also = [name for name in others if self._made_of(name, left) != before[name]]
        return Rollback(recorded, sorted(changed), sorted(removed), also)

    @cached_property
    def _sources(self) -> Mapping[str, str]:
        return read_sources(self._working)

    def _made_of(self, template: str, files: Mapping[str, str]) -> dict[str, str]:
        """The files of a template. One that cannot be parsed is taken to be made of its own and of those of the version that holds."""
        try:
            return files_of(template, files)
        except TemplateError:
            known = self.history.current(template).files if template in self.history.templates else {}
            return {name: text for name, text in files.items() if name in known or name.startswith(f"{template}.")}

    def _refuse_loss(self, names: Iterable[str]) -> None:
        kept = {(name, digest) for each in self.history.versions for name, digest in each.files.items()}
        lost = [
            name for name in names if name in self._sources and (name, source_digest(self._sources[name])) not in kept
        ]
        if lost:
            help = "`mailray template publish` keeps them first; --force gives them up"
            raise RefusedError(
                *(Diagnostic("MR266", f"{name} has changes that are not published", help=help) for name in lost)
            )
