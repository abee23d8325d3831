"""The store's database as this process sees it: a primary that is written, replicas that are read while they are recent enough."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import psycopg
from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]
from psycopg import errors

from engine.adapters.stores.pool_connection import PooledConnection
from engine.adapters.stores.pool_server import PoolLimits, ServerPool
from engine.adapters.stores.postgres_session import Database, Wording
from engine.adapters.stores.replicas import LogPositions, Replica
from engine.errors import InputError, Place, TryAgainError

__all__ = ["STORE", "PoolLimits", "PooledConnection", "PostgresPool"]

_ADVICE = "nothing is sent without it; put it right, then give the command again, or `mailray resume` for a run"
STORE = Wording(
    subject="the store",
    setting="store",
    address="MR675",
    refused=("MR674", "look at the user, the database, and what `store_password` refers to"),
    silent=(TryAgainError, "MR671", _ADVICE),
    passing=("MR671", _ADVICE),
    unusable=(InputError, "MR672", "look at the tables of the schema `mailray`, or restore them from a copy"),
)


class PostgresPool:
    """Connections, each for one thread at a time; the pool itself is for any thread. ``lag`` is what is allowed to a replica, in seconds.

    All raise TryAgainError when the database does not answer, loses the connection or cannot do it now (MR671) and when no connection
    comes free in time (MR673), ServiceError when it refuses us (MR674), and InputError (MR672) when its tables are not as they should be.
    """

    def __init__(self, primary: Database, replicas: Sequence[Database], limits: PoolLimits, lag: float) -> None:
        self._database = primary
        self._limits = limits
        self._primary = ServerPool(primary, limits, written=True)
        self._replicas = [Replica(ServerPool(each, limits, written=False)) for each in replicas]
        self._log = LogPositions(lag)
        self._turns = count()
        self._mutex = threading.Lock()
        self._shares = 1
        self._served: Counter[tuple[str, str]] = Counter()

    @property
    def place(self) -> Place:
        """For faults."""
        return self._database.place

    @property
    def patience(self) -> float:
        """Seconds for which a connection is waited for."""
        return self._limits.connection_timeout

    def absent(self) -> list[Place]:
        """The replicas that do not answer, or are none."""
        return [each.place for each in self._replicas if not each.answers()]

    def share(self) -> bool:
        """One more uses the pool, which ends when each has closed it; False when it has ended already."""
        with self._mutex:
            self._shares += self._shares > 0
            return self._shares > 0

    @contextmanager
    def writing(self) -> Iterator[PooledConnection]:
        """A connection to the primary, in a transaction: committed at the end (``arrow``'s too), rolled back when anything is raised."""
        try:
            with self._lent(self._primary, self._take(), "write") as connection, connection.transaction():
                yield connection
                connection.commit_arrow()
        finally:
            self._log.wrote()  # perhaps also when it was not heard of

    @contextmanager
    def reading(self, after: int = 0) -> Iterator[PooledConnection]:
        """A connection for reading, each statement by itself: to a replica that is recent enough and has replayed what this pool has
        written, and the log up to ``after`` (a ``position`` that a writer elsewhere has handed on), else to the primary."""
        with self._lent(*self._recent(after), "read") as connection:
            yield connection

    @contextmanager
    def current(self) -> Iterator[PooledConnection]:
        """A connection to the primary, each statement by itself, for reading what must not be a moment old."""
        with self._lent(self._primary, self._take(), "read") as connection:
            yield connection

    def position(self) -> int:
        """Where the primary's log is: whatever was committed before is at or below it."""
        return self._ask()

    def served(self) -> dict[tuple[str, str], int]:
        """How often a connection was given, by (HOST:PORT, ``write`` or ``read``)."""
        return dict(self._served)

    def close(self) -> None:
        with self._mutex:
            self._shares -= 1
            last = self._shares == 0
        if last:
            self.end()

    def end(self) -> None:
        """Close all connections, whoever shares the pool."""
        self._primary.close()
        for each in self._replicas:
            each.close()

    def _recent(self, after: int) -> tuple[ServerPool | Replica, PooledConnection]:
        if self._replicas:
            position = max(after, self._needed())
            turn = next(self._turns)
            for number in range(len(self._replicas)):
                replica = self._replicas[(turn + number) % len(self._replicas)]
                connection = replica.take(position)
                if connection is not None:
                    return replica, connection
        return self._primary, self._take()

    def _needed(self) -> int:
        """The position that a replica must have replayed; without the primary nobody knows it."""
        now, writes = time.monotonic(), self._log.writes
        position = self._log.needed(now, writes)
        if position is None:
            asked = self._ask()
            position = self._log.needed(now, writes)
            return asked if position is None else position
        return position

    def _ask(self) -> int:
        connection, position = self._looked()
        self._primary.give_back(connection)
        return position

    def _take(self) -> PooledConnection:
        return self._looked()[0]

    def _looked(self) -> tuple[PooledConnection, int]:
        """A connection to the primary; each says how far its log is."""
        writes = self._log.writes
        connection, sight = self._primary.take(self._limits.connection_timeout)
        self._log.saw(sight.asked, writes, sight.position)
        return connection, sight.position

    @contextmanager
    def _lent(self, lender: ServerPool | Replica, connection: PooledConnection, use: str) -> Iterator[PooledConnection]:
        with self._mutex:
            self._served[connection.server, use] += 1
        try:
            yield connection
        except (psycopg.Error, dbapi.Error) as fault:
            raise self._database.translated(_of_psycopg(fault)) from fault
        finally:
            lender.give_back(connection)


def _of_psycopg(fault: Exception) -> psycopg.Error:
    """ADBC's fault as psycopg's, by its SQLSTATE; without one the session itself has failed."""
    if isinstance(fault, psycopg.Error):
        return fault
    state, told = getattr(fault, "sqlstate", None), str(fault).partition(" Query was: ")[0]
    try:
        return errors.lookup(state)(told) if state else psycopg.OperationalError(told)
    except KeyError:
        return psycopg.DatabaseError(told)
