"""The embedded store of frequency caps and daily allowances: a SQLite file that all runs of one machine share."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from engine.adapters.stores.sqlite_file import SqliteFile
from engine.audience.frequency import Cap, Reservation

VERSION = 1


class SqliteCaps:
    """``path`` is made when it is first used and does not exist. A reservation is atomic because a write locks the file."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, "store of frequency caps", "caps", VERSION)

    def reserve(
        self, wanted: Sequence[Reservation], caps: Sequence[Cap], now: int, until: int, holder: bytes
    ) -> Sequence[bool]:
        with self._file.transaction() as connection:
            return [self._reserve(connection, each, caps, now, until, holder) for each in wanted]

    def _reserve(
        self,
        connection: sqlite3.Connection,
        wanted: Reservation,
        caps: Sequence[Cap],
        now: int,
        until: int,
        holder: bytes,
    ) -> bool:
        key, recipient = wanted.key, wanted.recipient
        for cap in caps:
            asked = connection.execute(self._file.statement("count"), (recipient, now - cap.per, key, holder))
            if asked.fetchone()[0] >= cap.messages:
                return False
        connection.execute(self._file.statement("reserve"), (key, holder, recipient, until))
        return True

    def settle(self, settled: Sequence[tuple[bytes, int | None]], holder: bytes) -> None:
        with self._file.transaction() as connection:
            sent = [(at, key, holder) for key, at in settled if at is not None]
            connection.executemany(self._file.statement("sent"), sent)
            connection.executemany(self._file.statement("unsent"), [(key, holder) for key, at in settled if at is None])

    def held(self, holder: bytes) -> list[bytes]:
        with self._file.transaction("DEFERRED") as connection:
            return [key for (key,) in connection.execute(self._file.statement("held"), (holder,))]

    def forget(self, before: int) -> None:
        with self._file.transaction() as connection:
            connection.execute(self._file.statement("forget"), (before,))

    def allot(self, name: str, day: int, most: int, wanted: int) -> int:
        with self._file.transaction() as connection:
            found = connection.execute(self._file.statement("used"), (name, day)).fetchone()
            given = max(0, min(wanted, most - (found[0] if found else 0)))
            connection.execute(self._file.statement("use"), (name, day, given))
            return given

    def give_back(self, name: str, day: int, number: int) -> None:
        with self._file.transaction() as connection:
            connection.execute(self._file.statement("use"), (name, day, -number))

    def close(self) -> None:
        self._file.close()
