"""The file of an embedded ledger, as the file system has it."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

from engine.adapters.stores.disk_sync import sync
from engine.adapters.stores.statements import statement
from engine.errors import Place
from engine.ledger.replay import damaged

LAID_AT_MOST = 1 << 21
"""Octets: some hundred groups, after which a WAL is written over."""
LAID_FROM = 1_000  # messages; for fewer it is not worth a sync
OCTETS_OF_ONE = 300  # of the WAL, about


def create(path: Path, version: int) -> None:
    """A ledger's file appears whole: one that is empty is one that was emptied, and is never taken for a new one."""
    if path.with_suffix(".lock").exists():
        raise damaged(Place(str(path)), "the file is gone")
    draft = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.new")
    with closing(sqlite3.connect(draft)) as connection:
        # Nothing of it counts before it has its name, so it goes to the disk once, as a whole.
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL;")
        connection.executescript(f"BEGIN; {statement('ledger', 'schema')} PRAGMA user_version = {version}; COMMIT;")
    sync(draft)
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    sync(path.parent)


def lay(wal: int, messages: int) -> None:
    """Give a WAL room for what so many messages write: a sync of a file that grows must write the file system's own journal too, and
    takes half as long again.

    Zeros after a WAL's end are no frames to SQLite (https://www.sqlite.org/fileformat2.html#walformat).
    """
    if messages < LAID_FROM:
        return
    with suppress(OSError):  # a disk that is full will say so when there is something to lose
        os.pwrite(wal, bytes(min(messages * OCTETS_OF_ONE, LAID_AT_MOST)), os.fstat(wal).st_size)
        os.fdatasync(wal)
