"""Where refused rows go: a file of JSON lines that appears when the reading ends."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO

from engine.audience.connector import Refused
from engine.errors import FileAccessError


class Quarantine:
    """``path`` gets its name when it is whole; until then, and after a crash, what is in it stands in ``path`` + ``.part``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._file: IO[str] | None = None

    def keep(self, rows: Sequence[Refused]) -> None:
        """Durable when it returns. Raises FileAccessError (MR790)."""
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._part.open("w", encoding="utf-8")
            self._file.writelines(json.dumps(asdict(each), ensure_ascii=True) + "\n" for each in rows)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as fault:
            raise self._fault(fault) from fault

    def close(self) -> Path | None:
        """Gives the file its name, once; None when nothing was refused."""
        if self._file is None:
            return None
        if not self._file.closed:
            try:
                self._file.close()
                self._part.replace(self.path)
            except OSError as fault:
                raise self._fault(fault) from fault
        return self.path

    def _fault(self, fault: OSError) -> FileAccessError:
        return FileAccessError.single(
            "MR790",
            f"refused rows cannot be kept in {self.path}: {fault.strerror}",
            help="make room, or name another --rejects",
        )
