"""A SQLite file as Arrow sees it: whole transactions that write, statements that read beside them, and migrations that go forward.

Everything goes through the driver's own SQLite. The standard library brings another copy, and two copies in one process must not
open the same file: to close it in one takes away the locks of the other (POSIX gives locks to processes, "How To Corrupt An SQLite
Database File", section 2.2.1).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from sqlite3 import complete_statement
from typing import Any
from urllib.parse import quote

import adbc_driver_manager
import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa
from filelock import FileLock, Timeout

from engine.adapters.stores.shared_file import SharedFile
from engine.adapters.stores.statements import statement

BUSY_MILLISECONDS = 3_000  # a writer that waits longer says so
LOOK_SECONDS = 0.0005
"""How often a writer looks whether it is its turn: SQLite itself would look after 1, 2, 5, 10, 15, 20, 25, 25, 25, 50 and 100 milliseconds,
and most of the time nobody would write (sqliteDefaultBusyCallback in its main.c)."""
BATCH_ROWS = 8_192
_DAMAGED = ("malformed", "not a database")
Row = tuple[Any, ...]


class ArrowSqliteFile:
    """``folder`` holds the statements, with migrations from 1 to ``version``. WAL with synchronous=FULL: a commit is on the disk when it
    returns. Raises TryAgainError (MR671) when the file cannot be read or written now, InputError (MR672) when it is damaged or newer.
    """

    def __init__(self, path: Path, name: str, folder: str, version: int) -> None:
        self._shared = SharedFile(path, name, version)
        self._folder = folder
        self._writing = threading.Lock()
        self._turn = FileLock(
            f"{path}-turn", BUSY_MILLISECONDS / 1e3, thread_local=False, poll_interval=LOOK_SECONDS
        )  # of all processes
        self._mutex = threading.Lock()
        self._writer: adbc.Connection | None = None
        self._readers: list[adbc.Connection] = []

    @contextmanager
    def transaction(self) -> Iterator[Statements]:
        """A transaction: committed at the end, rolled back when anything is raised. It has the lock from its first write on, so what it
        must know it reads after that."""
        with self._writing, self._faults():
            if self._writer is None:
                self._writer = self._open()
                statements = Statements(self._writer, self._folder)
                statements.script("incoming")
                self._writer.adbc_connection.set_autocommit(False)
            elif not self._shared.path.exists():
                raise self._shared.unavailable("the file is gone")
            try:
                yield Statements(self._writer, self._folder, self._take_turn)
                self._writer.adbc_connection.commit()
            except BaseException:
                self._abandon()
                raise
            finally:
                self._turn.release()

    @contextmanager
    def reading(self) -> Iterator[Statements]:
        """Statements that read, each by itself and beside whoever writes."""
        with self._faults():
            connection = self._reader()
            try:
                yield Statements(connection, self._folder)
            except BaseException:
                connection.close()
                raise
            with self._mutex:
                self._readers.append(connection)

    def close(self) -> None:
        with self._writing, self._mutex:
            for each in (*self._readers, self._writer):
                if each is not None:
                    each.close()
            self._readers, self._writer = [], None

    def _reader(self) -> adbc.Connection:
        with self._mutex:
            if self._readers:
                if not self._shared.path.exists():
                    raise self._shared.unavailable("the file is gone")
                return self._readers.pop()
        return self._open()

    def _take_turn(self) -> None:
        if not self._turn.is_locked:
            try:
                self._turn.acquire()
            except Timeout as fault:
                raise self._shared.unavailable("another process writes to it") from fault

    def _abandon(self) -> None:
        """Nothing of a transaction that failed is left, the lock included."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(adbc_driver_manager.Error):
                writer.adbc_connection.rollback()
            writer.close()

    def _open(self) -> adbc.Connection:
        if not self._shared.path.exists():
            self._shared.make(self._write_new)
        connection = _connect(self._shared.path, "rw")
        try:
            self._check(Statements(connection, self._folder))
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, statements: Statements) -> None:
        if self._found(statements) < self._shared.version:
            statements.run("BEGIN IMMEDIATE")  # of two that find it old, the second finds it new
            self._migrate(statements, self._found(statements))
            statements.run("COMMIT")

    def _found(self, statements: Statements) -> int:
        version = int(statements.run("PRAGMA user_version")[0][0])
        self._shared.check(version)
        return version

    def _migrate(self, statements: Statements, version: int) -> None:
        for step in range(version + 1, self._shared.version + 1):
            statements.script(f"migration_{step:03d}")
        statements.run(f"PRAGMA user_version = {self._shared.version}")

    def _write_new(self, path: Path) -> None:
        with closing(_connect(path, "rwc")) as connection:
            statements = Statements(connection, self._folder)
            statements.run("PRAGMA journal_mode = WAL")  # the file remembers it
            self._migrate(statements, 0)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as fault:
            words = str(fault).partition("\nquery:")[0].rpartition(": ")[2].strip()
            damaged = any(each in words for each in _DAMAGED)
            raise (self._shared.damaged if damaged else self._shared.unavailable)(words) from fault


class Statements:
    """The statements of a folder on one connection. Their parameters are ?1, ?2, ... in the order given. ``first`` is called before any
    that may touch more than temporary tables."""

    def __init__(self, connection: adbc.Connection, folder: str, first: Callable[[], None] = lambda: None) -> None:
        self._connection = connection
        self._folder = folder
        self._first = first

    def rows(self, name: str, *values: object) -> list[Row]:
        self._first()
        return self.run(statement(self._folder, name), *values)

    def table(self, name: str, *values: object) -> pa.Table:
        """What a statement finds, as Arrow. Its first row only shows the types: the driver takes them from the first rows it reads,
        and those may be null."""
        self._first()
        with self._connection.cursor() as cursor:
            cursor.execute(statement(self._folder, name), values or None)
            return cursor.fetch_arrow_table().slice(1)

    def batches(self, name: str, *values: object) -> Iterator[pa.RecordBatch]:
        """As ``table``, some thousand rows at a time."""
        with self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)})
            cursor.execute(statement(self._folder, name), values or None)
            shown = 1
            for batch in cursor.fetch_record_batch():
                yield batch.slice(shown)
                shown = 0

    def ingest(self, table: str, rows: pa.RecordBatch) -> None:
        """Put rows into a temporary table, in place of those that are there."""
        self.run(f"DELETE FROM temp.{table}")  # noqa: S608
        with self._connection.cursor() as cursor:
            cursor.adbc_ingest(table, rows, mode="append", temporary=True)

    def script(self, name: str) -> None:
        """All statements of a file."""
        text = ""
        for part in statement(self._folder, name).split(";")[:-1]:
            text += part + ";"
            if complete_statement(text):
                self.run(text)
                text = ""

    def run(self, text: str, *values: object) -> list[Row]:
        with self._connection.cursor() as cursor:
            cursor.execute(text, values or None)
            return list(cursor.fetchall())


def _connect(path: Path, mode: str) -> adbc.Connection:
    connection = adbc.connect(f"file:{quote(str(path.absolute()))}?mode={mode}", autocommit=True)
    statements = Statements(connection, "store_sqlite")
    try:
        for pragma in (f"busy_timeout = {BUSY_MILLISECONDS}", "synchronous = FULL"):
            statements.run(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection
