"""What a part of the store keeps in a database: its tables, brought to the version that this program knows, and work that is
repeated when the connection is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from psycopg import Cursor

from engine.adapters.stores.pool import PooledConnection, PostgresPool
from engine.adapters.stores.postgres_session import MIGRATING
from engine.adapters.stores.statements import statement
from engine.errors import InputError, TryAgainError

PATIENCE_SECONDS = 15.0
"""For so long a work is begun again, or for as long as the pool waits for a connection if that is shorter."""
PAUSE_SECONDS = 0.25

Row = tuple[Any, ...]
Result = TypeVar("Result")


class PoolTables:
    """The tables of one part, whose statements lie in ``sql/FOLDER``; they are made when they are first used and not there.

    The values of statements are given by name; ``fixed`` are those of every one. Raises what the pool raises, and InputError (MR672)
    when the tables are of a later version.
    """

    def __init__(self, pool: PostgresPool, name: str, folder: str, version: int, **fixed: object) -> None:
        self._pool = pool
        self._name = name
        self._folder = folder
        self._version = version
        self._fixed = fixed
        self._mutex = threading.Lock()
        self._ready = False

    def write(self, work: Callable[[PooledConnection], Result]) -> Result:
        """Do in one transaction what may be repeated."""
        return self._repeated(self._pool.writing, work)

    def write_once(self, work: Callable[[PooledConnection], Result]) -> Result:
        """Do in one transaction what may not: when the connection is lost nobody knows whether it was done."""
        self._prepare()
        with self._pool.writing() as connection:
            return work(connection)

    def read(self, work: Callable[[PooledConnection], Result]) -> Result:
        """Read from the primary."""
        return self._repeated(self._pool.current, work)

    def rows(self, name: str, /, **values: object) -> list[Row]:
        """What one statement finds on the primary."""
        return self.read(lambda connection: self.run(connection, name, **values).fetchall())

    def run(self, connection: PooledConnection, name: str, /, **values: object) -> Cursor[Row]:
        return connection.execute(self.statement(name), {**self._fixed, **values}, binary=True)

    def statement(self, name: str) -> str:
        return statement(self._folder, name)

    def close(self) -> None:
        self._pool.close()

    def _repeated(
        self,
        lent: Callable[[], AbstractContextManager[PooledConnection]],
        work: Callable[[PooledConnection], Result],
    ) -> Result:
        until = time.monotonic() + min(PATIENCE_SECONDS, self._pool.patience)
        while True:
            try:
                self._prepare()
                with lent() as connection:
                    return work(connection)
            except TryAgainError:
                if time.monotonic() >= until:
                    raise
            time.sleep(PAUSE_SECONDS)

    def _prepare(self) -> None:
        if self._ready:
            return
        with self._mutex:
            if not self._ready:
                with self._pool.current() as connection:
                    version = self._found(connection)
                if version < self._version:
                    self._migrate()
                self._ready = True

    def _migrate(self) -> None:
        with self._pool.writing() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATING,))
            connection.execute(statement("parts", "make"))
            for step in range(self._found(connection) + 1, self._version + 1):
                connection.execute(self.statement(f"migration_{step:03d}"))
            connection.execute(statement("parts", "write"), {"name": self._name, "version": self._version})

    def _found(self, connection: PooledConnection) -> int:
        known = connection.execute("SELECT to_regclass('mailray.part')").fetchone()
        if known is None or known[0] is None:
            return 0
        found = connection.execute(statement("parts", "read"), {"name": self._name}).fetchone()
        version = int(found[0]) if found else 0
        if version > self._version:
            raise InputError.single(
                "MR672",
                f"the {self._name} was written by a newer mailray (format {version})",
                place=self._pool.place,
                help="upgrade mailray",
            )
        return version


def columns(names: Sequence[str], rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Rows turned into the arrays that a statement unnests."""
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}
