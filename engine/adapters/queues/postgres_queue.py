"""The cluster's queue in its database: takers step over what others are taking."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from engine.adapters.queues.rows import Row, fields, taken
from engine.adapters.stores.pool import PooledConnection, PostgresPool
from engine.adapters.stores.pool_tables import PoolTables, columns
from engine.campaign.schema import Priority
from engine.queueing.contract import ITEMS

VERSION = 1


class PostgresQueue:
    """To close it closes its share of the pool."""

    def __init__(self, pool: PostgresPool) -> None:
        self._tables = PoolTables(pool, "queue", "queue_postgres", VERSION)

    def put(self, items: pa.RecordBatch) -> int:
        values = columns(ITEMS.names, list(fields(items)))
        return self._tables.write(lambda connection: self._tables.run(connection, "put", **values).rowcount)

    def take(self, tenant: str, workflow: str, most: int, lapse: float) -> pa.RecordBatch:
        asked = {"tenant": tenant, "workflow": workflow, "lapse": float(lapse)}

        def work(connection: PooledConnection) -> pa.RecordBatch:
            found: list[Row] = []
            for name in ("take_lapsed", "take"):
                if len(found) < most:
                    rows = self._tables.run(connection, name, most=most - len(found), **asked).fetchall()
                    found += sorted(rows, key=lambda row: int(row[-1]))
            return taken(found)

        return self._tables.write(work)

    def hold(self, tickets: Sequence[str]) -> None:
        self._tables.write(lambda connection: self._tables.run(connection, "hold", position=[*map(int, tickets)]))

    def done(self, tickets: Sequence[str]) -> int:
        positions = [*map(int, tickets)]
        return self._tables.write(lambda connection: self._tables.run(connection, "done", position=positions).rowcount)

    def depths(self, tenant: str) -> dict[Priority, int]:
        found: dict[str, int] = dict(self._tables.rows("depths", tenant=tenant))
        return {priority: found.get(priority.value, 0) for priority in Priority}

    def close(self) -> None:
        self._tables.close()
