"""Published templates in a folder of plain files.

index.jsonl    a line a publication, oldest first; lines are only ever added
sources/       the texts by the SHA-256 of their content
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from engine.errors import CannotCreateError, InputError
from engine.templates.catalogue import History, Version, diff, files_of, source_digest, version_digest


class TemplateVersions:
    """The versions kept below ``folder``, which is made with the first publication."""

    def __init__(self, folder: Path) -> None:
        self._index = folder / "index.jsonl"
        self._sources = folder / "sources"

    def list(self) -> History:
        """All publications. Raises InputError for an index that is damaged."""
        if not self._index.exists():
            return History(())
        with self._index.open("rb") as index:
            return _read(index)

    def publish(self, template: str, files: Mapping[str, str], *, author: str, at: datetime, note: str = "") -> Version:
        """Keep a template's sources, those of ``files`` that it depends on, as the version that holds from now on.

        Nothing is added where that version holds already. ``at`` has an offset. Raises CannotCreateError.
        """
        sources = files_of(template, files)
        version = Version(
            template=template,
            digest=version_digest(template, sources),
            files={name: source_digest(source) for name, source in sources.items()},
            author=author,
            at=at,
            note=note,
        )
        with self._locked() as index:
            history = _read(index)
            if template in history.templates and history.current(template).digest == version.digest:
                return history.current(template)
            for source in sources.values():
                self._keep(source)
            _append(index, version)
        return version

    def rollback(self, template: str, digest: str, *, author: str, at: datetime, note: str = "") -> Version:
        """Let an older version, named by its hash or its beginning, hold again. Raises InputError if there is none."""
        with self._locked() as index:
            older = _read(index).find(template, digest)
            version = older.model_copy(update={"author": author, "at": at, "note": note, "rollback": True})
            _append(index, version)
        return version

    def show(self, template: str, digest: str | None = None) -> tuple[Version, dict[str, str]]:
        """A version, the one that holds if None, and its sources by name. Raises InputError, also for a text that was altered."""
        history = self.list()
        version = history.current(template) if digest is None else history.find(template, digest)
        return version, {name: self._text(name, kept) for name, kept in version.files.items()}

    def diff(self, template: str, before: str, after: str | None = None) -> str:
        """How a version differs from another, the one that holds if None, as a unified diff. Raises InputError."""
        return diff(self.show(template, before)[1], self.show(template, after)[1])

    def _text(self, name: str, kept: str) -> str:
        try:
            source = (self._sources / kept).read_bytes().decode()
        except (OSError, UnicodeDecodeError) as fault:
            raise InputError.single("MR264", f"the published text of {name} cannot be read") from fault
        if source_digest(source) != kept:
            raise InputError.single("MR264", f"the published text of {name} was altered")
        return source

    def _keep(self, source: str) -> None:
        """Write a source under its hash; it appears whole or not at all."""
        path = self._sources / source_digest(source)
        if path.exists():
            return
        with tempfile.NamedTemporaryFile(dir=self._sources, delete=False) as file:
            file.write(source.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """The index, held for one writer."""
        try:
            self._sources.mkdir(parents=True, exist_ok=True)
            index = self._index.open("a+b")
        except OSError as fault:
            raise CannotCreateError.single("MR265", f"{self._index} cannot be made: {fault.strerror}") from fault
        with index:
            fcntl.flock(index, fcntl.LOCK_EX)
            yield index


def _read(index: IO[bytes]) -> History:
    """History without a last line that a crash cut off."""
    index.seek(0)
    return History.read(line.decode() for line in index if line.endswith(b"\n"))


def _append(index: IO[bytes], version: Version) -> None:
    """Add a line, in the place of one that a crash cut off."""
    index.seek(0)
    whole = sum(len(line) for line in index if line.endswith(b"\n"))
    index.truncate(whole)
    index.write(version.line().encode() + b"\n")
    index.flush()
    os.fsync(index.fileno())
