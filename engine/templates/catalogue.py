"""A campaign's templates, prepared: each has the three parts of a message and a content hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import BaseLoader, DictLoader

from engine.templates.program import Part


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


def digest_of(sources: Mapping[str, str]) -> str:
    """The content hash of sources by file name."""
    whole = hashlib.sha256()
    for name in sorted(sources):
        for text in (name, sources[name]):
            raw = text.encode()
            whole.update(len(raw).to_bytes(8, "big") + raw)
    return whole.hexdigest()
