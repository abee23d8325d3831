"""The embedded queue: a SQLite file that all processes of one machine share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from engine.adapters.queues.rows import Row, fields, taken
from engine.adapters.stores.sqlite_file import SqliteFile
from engine.campaign.schema import Priority

VERSION = 1


class SqliteQueue:
    """``path`` is made when it is first used and does not exist; ``clock`` gives UTC seconds, the same to all who share the file.

    Only to put waits for the disk: after a power failure, what was taken is free and what was done comes again, as it may at any time.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._file = SqliteFile(path, "queue", "queue_sqlite", VERSION)
        self._clock = clock

    def put(self, items: pa.RecordBatch) -> int:
        rows = list(fields(items))
        with self._file.transaction() as connection:
            return connection.executemany(self._file.statement("put"), rows).rowcount if rows else 0

    def take(self, tenant: str, workflow: str, most: int, lapse: float) -> pa.RecordBatch:
        now = self._clock()
        found: list[Row] = []
        with self._file.transaction(durable=False) as connection:
            for name in ("take_lapsed", "take"):
                if len(found) < most:
                    asked = (tenant, workflow, now - lapse, most - len(found))
                    found += connection.execute(self._file.statement(name), asked).fetchall()
            connection.execute(self._file.statement("hold"), (now, json.dumps([int(row[-1]) for row in found])))
        return taken(found)

    def hold(self, tickets: Sequence[str]) -> None:
        with self._file.transaction(durable=False) as connection:
            connection.execute(self._file.statement("hold"), (self._clock(), _positions(tickets)))

    def done(self, tickets: Sequence[str]) -> int:
        with self._file.transaction(durable=False) as connection:
            return connection.execute(self._file.statement("done"), (_positions(tickets),)).rowcount

    def depths(self, tenant: str) -> dict[Priority, int]:
        with self._file.transaction("DEFERRED") as connection:
            found = dict(connection.execute(self._file.statement("depths"), (tenant,)))
        return {priority: found.get(priority.value, 0) for priority in Priority}

    def close(self) -> None:
        self._file.close()


def _positions(tickets: Sequence[str]) -> str:
    return json.dumps([int(each) for each in tickets])
