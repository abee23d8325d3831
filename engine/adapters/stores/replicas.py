"""Which replica may answer a read, decided by positions in the log alone.

A replica that has replayed what the primary had written at some time is no older than that time. So the primary is asked now and
then how far its log is, and a replica is read when it has replayed what the primary said no longer ago than is allowed. No clock
is compared with another machine's, a primary that is idle makes no lag, and a replica that is cut off is found out.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from engine.adapters.stores.pool_connection import PooledConnection
from engine.adapters.stores.pool_server import ServerPool
from engine.errors import MailrayError, Place

PATIENCE_SECONDS = 0.5
AWAY_SECONDS = 1.0
"""A replica that did not answer is not asked for so long."""


@dataclass(frozen=True, slots=True)
class Covered:
    """So many writes of this process stand in the log up to ``position``."""

    writes: int
    position: int


class LogPositions:
    """What is known of the primary's log. ``allowed`` is the lag in seconds. For any thread."""

    def __init__(self, allowed: float) -> None:
        self._allowed = allowed
        self._mutex = threading.Lock()
        self._seen: deque[tuple[float, int]] = deque()
        self._covered = Covered(0, 0)
        self.writes = 0
        """What this process has committed; read before the primary is asked."""

    def wrote(self) -> None:
        with self._mutex:
            self.writes += 1

    def saw(self, at: float, writes: int, position: int) -> None:
        """The primary was asked at ``at`` (monotonic), after ``writes`` of ours, and its log was at ``position``."""
        with self._mutex:
            if self._seen and position < self._seen[-1][1]:
                if at < self._seen[-1][0]:
                    return  # another thread has asked later and was told before
                self._seen.clear()  # another primary, and what the former wrote last is lost
                self._covered = Covered(0, 0)
            if not self._seen or at - self._seen[-1][0] >= self._allowed / 8:
                self._seen.append((at, position))
            while self._seen[0][0] < at - 2 * self._allowed:
                self._seen.popleft()
            if writes > self._covered.writes:
                self._covered = Covered(writes, position)

    def needed(self, now: float, writes: int) -> int | None:
        """The position that a replica must have replayed for a read that begins ``now`` after ``writes`` of ours; None when the primary
        must be asked first."""
        with self._mutex:
            if self._covered.writes < writes or not self._seen or self._seen[-1][0] < now - self._allowed / 2:
                return None
            recent = next(position for at, position in self._seen if at >= now - self._allowed)
            return max(recent, self._covered.position)


class Replica:
    """One replica, which is passed over while it does not answer."""

    def __init__(self, pool: ServerPool) -> None:
        self._pool = pool
        self._away_until = 0.0

    @property
    def place(self) -> Place:
        """For faults."""
        return self._pool.place

    def answers(self) -> bool:
        """Whether this is a replica now."""
        connection = self.take(0)
        if connection is not None:
            self.give_back(connection)
        return connection is not None

    def take(self, position: int) -> PooledConnection | None:
        """A connection if this is a replica, answers, and has replayed the log up to ``position``."""
        if time.monotonic() < self._away_until:
            return None
        try:
            connection, sight = self._pool.take(PATIENCE_SECONDS)
        except MailrayError:
            self._away_until = time.monotonic() + AWAY_SECONDS
            return None
        if sight.replica and sight.position >= position:
            return connection
        self._pool.give_back(connection)
        return None

    def give_back(self, connection: PooledConnection) -> None:
        self._pool.give_back(connection)

    def close(self) -> None:
        self._pool.close()
