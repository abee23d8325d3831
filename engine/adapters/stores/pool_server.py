"""The connections to one server, or to whichever of several can be written: psycopg's pool, with a look at each before it is used
and faults that are told at once."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import NamedTuple

import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool, PoolTimeout

from engine.adapters.stores.pool_connection import CHECK_SECONDS, PooledConnection
from engine.adapters.stores.postgres_session import Database, refused
from engine.adapters.stores.statements import statement
from engine.errors import MailrayError, Place, TryAgainError

SLICE_SECONDS = 0.1
PAUSE_SECONDS = 0.05
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # what it warns of is told here, in an error


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Connections to one server (a session for Arrow that a connection opens beside itself is not counted), and seconds."""

    max_connections: int = 20
    min_connections: int = 5
    connection_timeout: float = 30.0  # for a connection that comes free, or is made
    idle_timeout: float = 600.0  # then one that is not needed is closed


class Sight(NamedTuple):
    """What a look at a server told: ``asked`` is when (monotonic), ``position`` how far its log is, or is replayed."""

    asked: float
    replica: bool
    read_only: bool
    position: int


class ServerPool:
    """``written`` says that a connection is for writing: one to a server that has become read-only is not given."""

    def __init__(self, database: Database, limits: PoolLimits, *, written: bool) -> None:
        self._database = database
        self._limits = limits
        self._written = written
        self._fault: tuple[float, psycopg.Error] | None = None
        self._drained = 0.0
        self._lent: set[PooledConnection] = set()
        self._pool = ConnectionPool(
            database.conninfo,
            connection_class=PooledConnection,
            kwargs={"password": database.password, "failed": self._failed},
            min_size=limits.min_connections,
            max_size=limits.max_connections,
            max_idle=limits.idle_timeout,
            reconnect_timeout=0.0,  # whoever waits tries again, so that nobody does when nobody waits
            num_workers=2,
            open=False,
        )

    @property
    def place(self) -> Place:
        return self._database.place

    def take(self, seconds: float) -> tuple[PooledConnection, Sight]:
        """A connection that works, and what it told. Raises TryAgainError (MR671, MR673), ServiceError (MR674)."""
        began = time.monotonic()
        self._pool.open()
        while True:
            connection = self._next(began, began + seconds)
            try:
                sight = look(connection, min(CHECK_SECONDS, max(began + seconds - time.monotonic(), PAUSE_SECONDS)))
            except psycopg.Error as fault:
                self._fault = time.monotonic(), fault
            else:
                if not (self._written and sight.read_only):
                    self._lent.add(connection)
                    return connection, sight
                self._fault = (
                    time.monotonic(),
                    errors.ReadOnlySqlTransaction("the server is read-only, as a standby is"),
                )
            self._discard(connection)

    def give_back(self, connection: PooledConnection) -> None:
        self._lent.discard(connection)
        connection.rest()
        self._pool.putconn(connection)

    def close(self) -> None:
        self._pool.close()

    def _next(self, began: float, until: float) -> PooledConnection:
        while True:
            left = until - time.monotonic()
            try:
                return self._pool.getconn(min(left, SLICE_SECONDS))
            except PoolTimeout:
                at, fault = self._fault or (0.0, None)
                if fault is not None and at >= began and (left <= SLICE_SECONDS or refused(fault)):
                    raise self._database.translated(fault) from fault
                if left <= SLICE_SECONDS:
                    raise self._none(until - began) from None

    def _discard(self, connection: PooledConnection) -> None:
        """What has befallen one has befallen those that lie idle beside it."""
        connection.close()
        self._pool.putconn(connection)
        if time.monotonic() - self._drained > SLICE_SECONDS:
            self._drained = time.monotonic()
            self._pool.drain()
        time.sleep(PAUSE_SECONDS)

    def _failed(self, fault: psycopg.Error) -> None:
        self._fault = time.monotonic(), fault

    def _none(self, seconds: float) -> MailrayError:
        if len(self._lent) < self._limits.max_connections:
            return self._database.translated(psycopg.OperationalError(f"no connection was made in {seconds:g} s"))
        return TryAgainError.single(
            "MR673",
            f"all {self._limits.max_connections} connections to {self._database.wording.subject}'s database are in use, "
            f"and none came free in {seconds:g} s",
            place=self._database.place,
            help="raise `store_max_connections`, or do less at once",
        )


def look(connection: PooledConnection, patience: float) -> Sight:
    """See what the server is; a connection that is dead, or silent for so many seconds, raises psycopg.Error."""
    asked = time.monotonic()
    connection.patience = patience
    found = connection.execute(statement("pool", "look")).fetchone()
    connection.patience = None
    assert found is not None
    replica, read_only, position = found
    return Sight(asked, replica, read_only, position or 0)
