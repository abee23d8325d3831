"""How far a source has been read, in the folder of what outlives runs."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Self

from engine.adapters.stores.owner_lock import OwnerLock
from engine.errors import FileAccessError, InputError, Place, RefusedError

FORMAT = 1


class CursorFile:
    """The cursor of one source; nobody else reads the source while this is open."""

    def __init__(self, folder: Path, source: str, identity: str) -> None:
        """``source`` is for people, ``identity`` tells it from others and is not written down.

        Raises RefusedError (MR791) while another process reads the source, FileAccessError (MR792)."""
        self._source = source
        self._path = folder / "connectors" / f"{hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()}.json"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = OwnerLock.take(self._path.with_suffix(".lock"))
        except OSError as fault:
            raise self._fault(fault) from fault
        if lock is None:
            raise RefusedError.single("MR791", f"another process is reading {source}", help="wait until it ends")
        self._lock = lock

    def last(self) -> str | None:
        """The cursor that was kept last. Raises InputError (MR792) when the file is damaged or of a newer version."""
        try:
            values = json.loads(self._path.read_text(encoding="utf-8"))
            if values["format"] > FORMAT:
                raise ValueError("written by a newer mailray")
            return None if values["cursor"] is None else str(values["cursor"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as fault:
            raise InputError.single(
                "MR792",
                f"how far {self._source} was read is not known: {fault}",
                place=Place(str(self._path)),
                help="remove the file to read the source from its beginning, which is harmless",
            ) from fault

    def keep(self, cursor: str | None) -> None:
        """Durable when it returns, whole or not at all. Raises FileAccessError (MR792)."""
        draft = self._path.with_suffix(".new")
        try:
            with draft.open("w", encoding="utf-8") as file:
                json.dump({"format": FORMAT, "source": self._source, "cursor": cursor}, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as fault:
            raise self._fault(fault) from fault

    def close(self) -> None:
        self._lock.drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fault(self, fault: OSError) -> FileAccessError:
        return FileAccessError.single(
            "MR792", f"how far {self._source} was read cannot be kept: {fault.strerror}", place=Place(str(self._path))
        )
