"""A lock that the operating system takes back when its holder dies."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO


class OwnerLock:
    """An exclusive lock on a file, held from ``take`` until ``drop`` or the end of the process."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    @classmethod
    def take(cls, path: Path) -> OwnerLock | None:
        """The lock, or None while somebody holds it."""
        file = path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return cls(file)

    @classmethod
    def replace(cls, path: Path) -> OwnerLock | None:
        """A lock on a new file under the same name: the holder of the old one no longer counts."""
        path.unlink(missing_ok=True)
        return cls.take(path)

    def drop(self) -> None:
        self._file.close()
