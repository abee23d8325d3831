"""Each kind of queue is one line in KINDS; every test here runs on every kind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
import redis

from engine.adapters.queues.memory import MemoryQueue
from engine.adapters.queues.postgres_queue import PostgresQueue
from engine.adapters.queues.redis_queue import RedisQueue
from engine.adapters.queues.sqlite_queue import SqliteQueue
from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.campaign.schema import Priority
from engine.queueing.contract import ITEMS, Queue


def postgres_queue(_: Path, server: Any) -> Queue:
    with psycopg.connect(server.url, password=server.password, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('mailray.queue_item')").fetchone() != (None,):
            connection.execute("TRUNCATE mailray.queue_item")
    database = parse_database(server.url, server.password, STORE)
    return PostgresQueue(PostgresPool(database, [], PoolLimits(min_connections=1), lag=0))


def redis_queue(_: Path, server: Any) -> Queue:
    with redis.Redis(port=server.port, password=server.password) as client:
        client.flushall()
        client.config_set("appendonly", "yes")
    return RedisQueue(server.url, server.password)


KINDS: dict[str, Callable[[Path, Any], Queue]] = {
    "memory": lambda *_: MemoryQueue(time.monotonic),
    "sqlite": lambda folder, _: SqliteQueue(folder / "new" / "queue.sqlite", time.time),
    "postgres": postgres_queue,
    "redis": redis_queue,
}
SERVERS = {"postgres": "postgres", "redis": "redis_server"}


@pytest.fixture(params=KINDS)
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Queue]:
    server = request.getfixturevalue(SERVERS[request.param]) if request.param in SERVERS else None
    made = KINDS[request.param](tmp_path, server)
    yield made
    made.close()


@pytest.fixture
def items() -> Callable[..., pa.RecordBatch]:
    numbers = count()

    def make(
        number: int = 1,
        priority: Priority = Priority.NORMAL,
        tenant: str = "acme",
        names: Sequence[str] | None = None,
        workflow: str = "wélcome",
    ) -> pa.RecordBatch:
        names = [f"item {next(numbers)}" for _ in range(number)] if names is None else names
        rows = [
            {
                "item_id": name,
                "tenant": tenant,
                "workflow": workflow,
                "priority": priority.value,
                "user_id": f"user of {name}",
                "arrived": 1_790_000_000_123_456,
                "payload": '{"cart": "a \\" b"}',
            }
            for name in names
        ]
        stored = pa.schema(
            [ITEMS.field(name) if name != "arrived" else pa.field(name, pa.int64()) for name in ITEMS.names]
        )
        return pa.RecordBatch.from_pylist(rows, stored).cast(ITEMS)

    return make
