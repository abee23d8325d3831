"""A SQLite file that several processes of one machine share: whole transactions, and its faults in the project's words."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from engine.adapters.stores.shared_file import SharedFile
from engine.adapters.stores.statements import statement

BUSY_SECONDS = 3.0  # a writer that waits longer says so, before what it knows is too old
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SqliteFile:
    """One connection, made when it is first needed; usable from any thread, by one at a time.

    ``name`` says in words what is kept; ``folder`` holds its statements, ``schema`` among them, and ``version`` is the schema's.
    WAL with synchronous=FULL: a commit is on the disk when it returns, if it is to be durable.
    """

    def __init__(self, path: Path, name: str, folder: str, version: int) -> None:
        self._shared = SharedFile(path, name, version)
        self._folder = folder
        self._mutex = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE", *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end, rolled back when anything is raised. Raises TryAgainError (MR671), InputError (MR672).

        One that is not ``durable`` may be undone by a power failure, with all that are not durable after it: it does not wait for the disk.
        """
        with self._mutex, self._faults():
            connection = self._open()
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute(f"BEGIN {kind}")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def statement(self, name: str) -> str:
        return statement(self._folder, name)

    def close(self) -> None:
        with self._mutex:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        """The connection. A file that was there and is gone, or stands elsewhere, is no longer what was opened."""
        if self._connection is not None:
            if not self._shared.path.exists():
                raise self._shared.unavailable("the file is gone")
            return self._connection
        if not self._shared.path.exists():
            self._shared.make(self._write_new)
        connection = sqlite3.connect(
            self._shared.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            self._shared.check(int(connection.execute("PRAGMA user_version").fetchone()[0]))
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _write_new(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"{self.statement('schema')} PRAGMA user_version = {self._shared.version};")

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as fault:
            code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
            raise (self._shared.damaged if code in _DAMAGED else self._shared.unavailable)(str(fault)) from fault
