"""The store's database as this process sees it: a primary that is written, replicas that are read while they are recent enough."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from engine.adapters.stores.pool_connection import PooledConnection

__all__ = ["PooledConnection", "StorePool"]


class StorePool(Protocol):
    """Connections, each for one thread at a time; the pool itself is for any thread.

    All raise TryAgainError when the database does not answer, loses the connection or cannot do it now (MR671) and when no connection
    comes free in time (MR673), ServiceError when it refuses us (MR674), and InputError (MR672) when its tables are not as they should be.
    """

    def writing(self) -> AbstractContextManager[PooledConnection]:
        """A connection to the primary, in a transaction: committed at the end (``arrow``'s too), rolled back when anything is raised."""

    def reading(self, after: int = 0) -> AbstractContextManager[PooledConnection]:
        """A connection for reading, each statement by itself: to a replica that is recent enough and has replayed what this pool has
        written, and the log up to ``after`` (a ``position`` that a writer elsewhere has handed on), else to the primary."""

    def current(self) -> AbstractContextManager[PooledConnection]:
        """A connection to the primary, each statement by itself, for reading what must not be a moment old."""

    def position(self) -> int:
        """Where the primary's log is: whatever was committed before is at or below it."""

    def served(self) -> dict[tuple[str, str], int]:
        """How often a connection was given, by (HOST:PORT, ``write`` or ``read``)."""

    def close(self) -> None: ...
