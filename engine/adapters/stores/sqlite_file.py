"""A SQLite file that several processes of one machine share: whole transactions, and its faults in the project's words."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from engine.adapters.stores.statements import statement
from engine.errors import InputError, MailrayError, Place, TryAgainError

BUSY_SECONDS = 3.0  # a writer that waits longer says so, before what it knows is too old
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SqliteFile:
    """One connection, made when it is first needed; usable from any thread, by one at a time.

    ``name`` says in words what is kept; ``folder`` holds its statements, ``schema`` among them, and ``version`` is the schema's.
    WAL with synchronous=FULL: a commit is on the disk when it returns.
    """

    def __init__(self, path: Path, name: str, folder: str, version: int) -> None:
        self._path = path
        self._name = name
        self._folder = folder
        self._version = version
        self._mutex = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end, rolled back when anything is raised. Raises TryAgainError (MR671), InputError (MR672)."""
        with self._mutex, self._faults():
            connection = self._open()
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
            if not self._path.exists():
                raise self._unavailable("the file is gone")
            return self._connection
        if not self._path.exists():
            self._create()
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        try:
            for pragma in ("journal_mode = WAL", "synchronous = FULL"):
                connection.execute(f"PRAGMA {pragma}")
            self._check(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version == 0:
            raise self._damaged("the file is empty")
        if version > self._version:
            raise InputError.single(
                "MR672",
                f"the {self._name} was written by a newer mailray (format {version})",
                place=Place(str(self._path)),
                help="upgrade mailray",
            )

    def _create(self) -> None:
        """The file appears whole: one that is empty is one that was emptied, and is never taken for a new one."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise self._unavailable(str(fault)) from fault
        draft = self._path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.new")
        with closing(sqlite3.connect(draft)) as connection:
            connection.executescript(f"{self.statement('schema')} PRAGMA user_version = {self._version};")
        with suppress(FileExistsError):
            os.link(draft, self._path)
        draft.unlink()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as fault:
            code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
            raise (self._damaged if code in _DAMAGED else self._unavailable)(str(fault)) from fault

    def _unavailable(self, reason: str) -> MailrayError:
        return TryAgainError.single(
            "MR671",
            f"the {self._name} cannot be read or written now: {reason}",
            place=Place(str(self._path)),
            help="nothing is sent without it; put it right, then `mailray resume`",
        )

    def _damaged(self, reason: str) -> MailrayError:
        return InputError.single(
            "MR672",
            f"the {self._name} is damaged: {reason}",
            place=Place(str(self._path)),
            help="nothing is sent without it; restore the file from a copy",
        )
