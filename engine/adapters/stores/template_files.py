"""A campaign's templates and assets from its folders."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from engine.errors import FileAccessError, InputError, Place
from engine.templates.catalogue import Assets, Catalogue, TemplateSet, catalogue_of, check_names, is_plain

SUFFIX = ".j2"
LARGEST = 2 * 2**20  # bytes of one source


class TemplateFiles:
    """The templates ``names`` below ``folder``; every other file there may be extended, included or imported by its path.

    ``assets`` is the folder of the files that templates name with ``asset('...')`` and ``prefix`` the address that it is served from.
    """

    def __init__(
        self, folder: Path, names: Sequence[str], *, assets: Path | None = None, prefix: str | None = None
    ) -> None:
        self._folder = folder
        self._names = names
        self.assets = None
        if assets is not None and prefix is not None:
            files = AssetFiles(assets)
            self.assets = Assets(files.digest, prefix, files.names)

    @cached_property
    def sources(self) -> dict[str, str]:
        """All template files as they are written, by path from the folder.

        Raises InputError for one that is too large, that is not in UTF-8, or that is a link out of the folder.
        """
        return read_sources(self._folder)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The templates, prepared, with what should be known about them. Raises InputError and MissingInputError."""
        return catalogue_of(self._names, self.sources, self.assets)

    def sets(self) -> list[TemplateSet]:
        """The templates, prepared. Raises InputError and MissingInputError."""
        return list(self.catalogue.templates)


def read_sources(folder: Path) -> dict[str, str]:
    """The template files below a folder, by path from it. Raises InputError and FileAccessError."""
    files = sorted(path for path in folder.rglob(f"*{SUFFIX}") if path.is_file())
    return {path.relative_to(folder).as_posix(): _read(path, folder) for path in files}


def write_sources(folder: Path, sources: Mapping[str, str]) -> None:
    """Write template files by path from the folder; each appears whole or not at all.

    Raises InputError for a name that leads out of the folder, before anything is written, and FileAccessError.
    """
    check_names(sources)
    for name, source in sources.items():
        path = folder / name
        with _changing(name, path, folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            draft.write_text(source, encoding="utf-8", newline="")
            draft.replace(path)


def remove_sources(folder: Path, names: Sequence[str]) -> None:
    """Remove template files by path from the folder. Raises InputError and FileAccessError."""
    check_names(names)
    for name in names:
        with _changing(name, folder / name, folder):
            (folder / name).unlink()


@contextmanager
def _changing(name: str, path: Path, folder: Path) -> Iterator[None]:
    if not _is_below(path, folder):
        raise InputError.single("MR234", f"{name} is a link out of the templates' folder", place=Place(name))
    try:
        yield
    except OSError as fault:
        raise FileAccessError.single(
            "MR267", f"{name} cannot be written: {fault.strerror}", place=Place(name)
        ) from fault


def _read(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix()
    if not _is_below(path, folder):
        raise InputError.single("MR234", f"{name} is a link out of the templates' folder", place=Place(name))
    try:
        if path.stat().st_size > LARGEST:
            raise InputError.single("MR235", f"{name} is larger than {LARGEST:,} bytes", place=Place(name))
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as fault:
        raise InputError.single("MR236", f"{name} is not in UTF-8: byte {fault.start}", place=Place(name)) from fault
    except OSError as fault:
        raise FileAccessError.single("MR237", f"{name} cannot be read: {fault.strerror}", place=Place(name)) from fault


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


class AssetFiles:
    """A folder of images and other files that messages point to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def digest(self, path: str) -> str | None:
        """The SHA-256 of a file's content in hexadecimal; None if there is no such file below the folder."""
        file = self._folder / path
        if not is_plain(path) or not file.is_file() or not _is_below(file, self._folder):
            return None
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()

    def names(self) -> list[str]:
        """The files below the folder, by path from it."""
        return sorted(path.relative_to(self._folder).as_posix() for path in self._folder.rglob("*") if path.is_file())
