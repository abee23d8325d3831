"""A file that keeps a part of the store: how it comes to be, and what can be wrong with it, whatever reads and writes it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InputError, MailrayError, Place, TryAgainError


@dataclass(frozen=True, slots=True)
class SharedFile:
    """``name`` says in words what is kept; ``version`` is the format that this program knows."""

    path: Path
    name: str
    version: int

    def make(self, write: Callable[[Path], None]) -> None:
        """It appears whole: one that is empty is one that was emptied, and is never taken for a new one. Raises TryAgainError (MR671)."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise self.unavailable(str(fault)) from fault
        draft = self.path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.new")
        write(draft)
        with suppress(FileExistsError):
            os.link(draft, self.path)
        draft.unlink()

    def check(self, version: int) -> None:
        """Raises InputError (MR672) when the format that was found cannot be read."""
        if version == 0:
            raise self.damaged("the file is empty")
        if version > self.version:
            raise InputError.single(
                "MR672",
                f"the {self.name} was written by a newer mailray (format {version})",
                place=Place(str(self.path)),
                help="upgrade mailray",
            )

    def unavailable(self, reason: str) -> MailrayError:
        return TryAgainError.single(
            "MR671",
            f"the {self.name} cannot be read or written now: {reason}",
            place=Place(str(self.path)),
            help="nothing is sent without it; put it right, then give the command again, or `mailray resume` for a run",
        )

    def damaged(self, reason: str) -> MailrayError:
        return InputError.single(
            "MR672",
            f"the {self.name} is damaged: {reason}",
            place=Place(str(self.path)),
            help="nothing is sent without it; restore the file from a copy",
        )
