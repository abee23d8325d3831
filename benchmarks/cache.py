"""A thousand people from each layer of the cache, and from the same servers one await after the other, as caches are mostly written.

    python -m benchmarks.cache [--rounds 10] [--people 20000] [--round-trip 0.5]

PostgreSQL and Redis are started on loopback, as tests start them, and asked a second time as from another machine, so many milliseconds
away. The figure of a layer is the whole of `get_many` when that layer has all thousand and what is nearer has been emptied; from the
store, everybody is also written back to Redis, on both sides. One by one (`benchmarks/one_by_one.py`) each person is awaited: a
dictionary, JSON in Redis, a row of the database. In every round both are asked, right after each other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
import redis.asyncio
from rich.console import Console
from rich.table import Table

from benchmarks.distance import distant
from benchmarks.one_by_one import WorkflowDataCache
from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.adapters.stores.store_postgres import PostgresStore
from engine.assembly.cache import open_cache
from engine.assembly.settings import CacheAt
from engine.audience.store import Write
from engine.cache.stack import CacheStack
from engine.pipeline.definition import TENANT
from tests.conftest import PostgresServer, RedisServer

ASKED = 1_000
LAYERS = {"memory": 1.0, "redis": 5.0, "store": 25.0}  # and at most so many milliseconds


def people(count: int) -> pa.RecordBatch:
    start = 1_750_000_000_000_000
    columns: dict[str, Any] = {
        "user_id": [f"user-{n:08d}" for n in range(count)],
        "email": [f"user{n}@example.com" for n in range(count)],
        "first_name": [f"Name{n % 997}" for n in range(count)],
        "subscription_status": ["active"] * count,
        "time_zone": ["Europe/Berlin" if n % 3 else None for n in range(count)],
        "created_at": pa.array([start + n for n in range(count)], pa.timestamp("us", "UTC")),
        "last_activity": pa.array([start + n * 1_000 for n in range(count)], pa.timestamp("us", "UTC")),
        "attributes": [json.dumps({"tier": "gold", "orders": n % 40}) for n in range(count)],
    }
    return pa.record_batch(columns)


@dataclass(frozen=True, slots=True)
class Servers:
    """Where they are reached."""

    postgres: str
    postgres_password: str
    redis: str
    redis_password: str


@contextmanager
def servers() -> Iterator[tuple[PostgresServer, RedisServer]]:
    with ExitStack() as ends:
        made = PostgresServer(), RedisServer()
        for each in made:
            each.start()
            ends.callback(each.remove)
        yield made


@contextmanager
def reached(postgres: PostgresServer, server: RedisServer, round_trip: float) -> Iterator[Servers]:
    """Both, so many seconds away; 0: on this machine."""
    with ExitStack() as ends:
        urls = []
        for each in (postgres, server):
            port = ends.enter_context(distant(each.port, round_trip)) if round_trip else each.port
            urls.append(each.url.replace(str(each.port), str(port)))
        yield Servers(urls[0], postgres.password, urls[1], server.password)


@dataclass(frozen=True, slots=True)
class Both:
    """Two caches of the same people, and what is asked of them."""

    stack: CacheStack
    single: WorkflowDataCache
    client: redis.Redis
    names: pa.StringArray

    def forget(self, layer: str) -> None:
        """Let both have everybody in this layer, and in none that is nearer."""
        if layer != "memory":
            self.stack._memory.clear(self.stack.space.prefix)
            self.single.l1_cache.clear()
        if layer == "store":
            for pattern in (f"{self.stack.space.prefix}*", "user_data:*"):
                self.client.unlink(*self.client.keys(pattern), "none")

    def together(self) -> int:
        return int(self.stack.get_many(self.names).found.sum())

    async def one_by_one(self) -> int:
        names = self.names.to_pylist()
        return len([await self.single.get_user_workflow_data(name, "welcome") for name in names])


def milliseconds(run: Callable[[], int]) -> float:
    start = time.perf_counter()
    assert run() == ASKED
    return (time.perf_counter() - start) * 1e3


def measured(both: Both, runner: asyncio.Runner, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Of each layer and round, milliseconds together and one by one, the one right after the other."""
    took: dict[str, list[tuple[float, float]]] = {}
    for layer in ("store", "redis", "memory"):
        for _ in range(rounds):
            both.forget(layer)
            ours = milliseconds(both.together)
            theirs = milliseconds(lambda: runner.run(both.one_by_one()))
            took.setdefault(layer, []).append((ours, theirs))
        assert both.client.exists(*both.client.keys("*user*")) >= 2 * ASKED  # both have written back
    return took


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.cache")
    arguments.add_argument("--rounds", type=int, default=10)
    arguments.add_argument("--people", type=int, default=20_000)
    arguments.add_argument("--round-trip", type=float, default=0.5, help="milliseconds to the servers, the second time")
    options = arguments.parse_args()
    people_of = people(options.people)
    asked = random.Random(1).sample(people_of.column("user_id").to_pylist(), ASKED)
    with servers() as (postgres, server):
        for away in (0.0, options.round_trip / 1e3):
            with reached(postgres, server, away) as at:
                measure(at, people_of, asked, options.rounds, away)


def measure(at: Servers, people_of: pa.RecordBatch, asked: list[str], rounds: int, away: float) -> None:
    os.environ["BENCHMARK_REDIS"], os.environ["BENCHMARK_SECRET"] = at.redis_password, "not-a-secret"
    pool = PostgresPool(parse_database(at.postgres, at.postgres_password, STORE), [], PoolLimits(), lag=0)
    caches = CacheAt(at.redis, "env:BENCHMARK_REDIS", "env:BENCHMARK_SECRET")
    with closing(PostgresStore(pool, TENANT)) as store, open_cache(caches, store) as cache, asyncio.Runner() as runner:
        store.put_users(people_of, Write("benchmark", "users", "all", 1))
        with pool.current() as connection:
            connection.execute("ANALYZE mailray.users")  # as the server does by itself within a minute
        cache.users.catch_up()
        names = pa.array(asked)
        assert cache.users.get_many(names).rows.column("user_id").to_pylist() == asked
        theirs = runner.run(connected(at))
        client = redis.Redis.from_url(at.redis, password=at.redis_password)
        show(away, measured(Both(cache.users, theirs, client, names), runner, rounds))
        runner.run(theirs.close())


async def connected(at: Servers) -> WorkflowDataCache:
    client = redis.asyncio.Redis.from_url(at.redis, password=at.redis_password)
    return WorkflowDataCache(
        client, await psycopg.AsyncConnection.connect(at.postgres, password=at.postgres_password, autocommit=True)
    )


def show(away: float, took: dict[str, list[tuple[float, float]]]) -> None:
    title = f"{ASKED:,} people, servers {away * 1e3:g} ms away: least and median milliseconds"
    shown = Table(title=title, title_justify="left")
    shown.add_column("all from")
    for heading in ("get_many", "at most", "one by one", "times (least of each)", "times (median of rounds)"):
        shown.add_column(heading, justify="right")
    for layer, most in LAYERS.items():
        ours, theirs = zip(*took[layer], strict=True)
        ratio = statistics.median(other / own for own, other in took[layer])
        shown.add_row(
            layer,
            f"{min(ours):.2f} {statistics.median(ours):.2f}",
            f"{most:g}",
            f"{min(theirs):.1f} {statistics.median(theirs):.1f}",
            f"{min(theirs) / min(ours):.0f}",
            f"{ratio:.0f}",
        )
    Console().print(shown)


if __name__ == "__main__":
    main()
