"""A folder that files are dropped into: each that is complete is read, and moved away."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.adapters.connectors.files import format_of, read_file
from engine.audience.connector import Page
from engine.audience.incoming import Reading
from engine.errors import FileAccessError, InputError, MailrayError, MissingInputError, UsageError

UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".swp", "~")
SETTLED = 2_000_000  # microseconds without a change: a writer that uses no other name until it is done gets so long between two writes


class DropFolder:
    """Files that are read go to ``done/``, those that cannot be to ``failed/`` with the reason beside them.

    A name that begins with a dot or underscore, or ends like a temporary one, is left alone, and so is a file that was written to
    in the last two seconds. ``wall`` is UTC microseconds.
    """

    def __init__(self, folder: Path, reading: Reading, format: str | None, wall: Callable[[], int]) -> None:
        """Raises MissingInputError (MR787) when there is no such folder."""
        if not folder.is_dir():
            raise MissingInputError.single("MR787", f"there is no folder {folder}")
        self._folder = folder
        self._reading = reading
        self._format = format
        self._wall = wall
        self.name = f"drop:{folder.absolute()}"
        self.failed = 0
        """Files that could not be read."""

    def pages(self, cursor: str | None) -> Iterator[Page]:
        before = {} if cursor is None else json.loads(cursor)
        for path, identity in self._complete():
            behind = before["pages"] if before.get("file") == identity else 0
            try:
                yield from self._file(path, identity, behind)
            except (InputError, MissingInputError, UsageError) as fault:
                self._fail(path, fault)
            else:
                self._move(path, "done")

    def _file(self, path: Path, identity: list[Any], behind: int) -> Iterator[Page]:
        """The pages of a file behind the first so many."""
        rows = read_file(path, self._format or format_of(path), self._reading)
        for number, each in enumerate(rows):
            if number >= behind:
                cursor = json.dumps({"file": identity, "pages": number + 1})
                yield Page(f"{path.name}#{number}", each.rows, each.refused, cursor)

    def _complete(self) -> list[tuple[Path, list[Any]]]:
        """What can be read now, the oldest first, and what another file under the same name would differ in."""
        latest = (self._wall() - SETTLED) * 1_000
        found = []
        with os.scandir(self._folder) as entries:
            for each in entries:
                if not each.is_file() or each.name.startswith((".", "_")) or each.name.lower().endswith(UNFINISHED):
                    continue
                told = each.stat()
                if told.st_mtime_ns <= latest:
                    found.append((told.st_mtime_ns, each.name, told.st_size, told.st_ino))
        return [(self._folder / name, [name, size, changed, inode]) for changed, name, size, inode in sorted(found)]

    def _fail(self, path: Path, fault: MailrayError) -> None:
        self.failed += 1
        reason = self._move(path, "failed")
        reason.with_name(reason.name + ".reason").write_text(f"{fault}\n", encoding="utf-8")

    def _move(self, path: Path, to: str) -> Path:
        target = self._folder / to / path.name
        number = 1
        try:
            target.parent.mkdir(exist_ok=True)
            while target.exists():
                number += 1
                target = target.with_name(f"{path.stem}-{number}{path.suffix}")
            path.rename(target)
        except OSError as fault:
            raise FileAccessError.single(
                "MR793",
                f"{path} cannot be moved to {target.parent}: {fault.strerror}",
                help="it would be read again and again",
            ) from fault
        return target
