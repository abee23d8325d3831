"""A campaign's templates from its folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from engine.errors import MissingInputError
from engine.templates.catalogue import TemplateSet, digest_of
from engine.templates.program import Part

SUFFIX = ".j2"


class TemplateFiles:
    """The templates ``names`` below ``folder``; every other file there may be extended, included or imported by its path."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self._names = names

    @cached_property
    def sources(self) -> dict[str, str]:
        """All template files, by path from the folder."""
        files = sorted(path for path in self._folder.rglob(f"*{SUFFIX}") if path.is_file())
        return {path.relative_to(self._folder).as_posix(): path.read_text(encoding="utf-8") for path in files}

    def sets(self) -> list[TemplateSet]:
        """The templates, prepared. Raises MissingInputError for one that is not there."""
        return [self._set(name) for name in self._names]

    def _set(self, name: str) -> TemplateSet:
        parts = {}
        for part, suffix in (("subject", ".subject.j2"), ("text", ".txt.j2"), ("html", ".html.j2")):
            file = name + suffix
            if file not in self.sources:
                if part == "text":
                    continue
                raise MissingInputError.single("MR313", f"there is no {file} in {self._folder}")
            parts[part] = Part(self.sources[file], file, autoescape=part == "html")
        parts.setdefault("text", Part("", name + ".txt.j2", autoescape=False))
        return TemplateSet(name, parts, self.sources, digest_of({**self.sources, "": name}))
