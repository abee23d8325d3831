"""The published versions of templates: which there are, which one holds, how two differ.

A version is named by the hash of its sources. History only grows: to roll back is to publish an older version once more.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from engine.errors import InputError, did_you_mean
from engine.templates.catalogue.digest import digest_of

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SHORTEST = 6  # digits by which a version may be named


class Version(BaseModel):
    """A publication of a template. ``files`` maps each source's name to the SHA-256 of its text in UTF-8."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: str
    digest: Digest
    files: dict[str, Digest]
    author: str
    at: AwareDatetime
    note: str = ""
    rollback: bool = False

    def line(self) -> str:
        """The version as a line of JSON, without its end."""
        return self.model_dump_json()


def source_digest(source: str) -> str:
    """The name under which a source is kept."""
    return hashlib.sha256(source.encode()).hexdigest()


def version_digest(template: str, sources: Mapping[str, str]) -> str:
    """The name of the version that these sources are."""
    return digest_of({**sources, "": template})


@dataclass(frozen=True, slots=True)
class History:
    """All publications, oldest first."""

    versions: tuple[Version, ...]

    @classmethod
    def read(cls, lines: Iterable[str]) -> History:
        """History from its lines; raises InputError with the number of one that is none."""
        versions = []
        for number, line in enumerate(lines, start=1):
            try:
                versions.append(Version.model_validate_json(line))
            except ValidationError as error:
                raise InputError.single("MR261", f"line {number} of the template index is no version") from error
        return cls(tuple(versions))

    @property
    def templates(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.template for each in self.versions))

    def of(self, template: str) -> tuple[Version, ...]:
        """The publications of a template, oldest first; raises InputError if there is none."""
        found = tuple(each for each in self.versions if each.template == template)
        if not found:
            raise InputError.single(
                "MR262", f"no version of `{template}` is published", help=did_you_mean(template, self.templates)
            )
        return found

    def current(self, template: str) -> Version:
        """The version that holds: the one published last. Raises InputError if there is none."""
        return self.of(template)[-1]

    def find(self, template: str, digest: str) -> Version:
        """The first publication of a version by its hash or its beginning; raises InputError if there is none or more than one."""
        found = {each.digest: each for each in reversed(self.of(template)) if each.digest.startswith(digest)}
        if len(digest) < SHORTEST or len(found) != 1:
            what = f"{len(found)} versions begin with" if len(found) > 1 else "no version is named"
            raise InputError.single(
                "MR263", f"{what} {digest!r}", help=f"give {SHORTEST} or more digits of one of its hashes"
            )
        return next(iter(found.values()))


def diff(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """How sources by name differ, as a unified diff; empty if they do not."""
    lines: list[str] = []
    for name in sorted({*before, *after}):
        old, new = (each.get(name, "").splitlines() for each in (before, after))
        lines.extend(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm=""))
    return "".join(f"{line}\n" for line in lines)
