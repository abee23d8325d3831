"""A thousand people from each layer of the cache, and from the same servers one await after the other, as caches are mostly written.

    python -m benchmarks.cache [--rounds 30] [--people 20000] [--round-trip 0.5]

PostgreSQL and Redis are started on loopback, as tests start them, and asked a second time as from another machine, so many milliseconds
away. The figure of a layer is the whole of `get_many` when that layer has
all thousand; what is nearer has been emptied before. One by one, a value from memory is a dictionary in a dictionary, one from Redis is
JSON, one from the database is a row; all are gathered to the same batch in the end. Least and median milliseconds over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import pyarrow as pa
import redis.asyncio
from rich.console import Console
from rich.table import Table

from benchmarks.distance import distant
from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.adapters.stores.store_postgres import PostgresStore
from engine.assembly.cache import Cache, open_cache
from engine.assembly.settings import CacheAt
from engine.audience.store import USERS, Write
from engine.pipeline.definition import TENANT
from tests.conftest import PostgresServer, RedisServer

ASKED = 1_000
ONE_BY_ONE_ROUNDS = 5
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


class OneByOne:
    """The same people, each with an await of its own, through a dictionary, Redis and the database."""

    def __init__(self, database: psycopg.AsyncConnection[Any], client: redis.asyncio.Redis) -> None:
        self._near: dict[str, tuple[float, dict[str, Any]]] = {}
        self._client = client
        self._database = database

    def forget(self) -> None:
        self._near.clear()

    async def batch(self, names: list[str]) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist([await self.get(name) for name in names], USERS)

    async def get(self, name: str) -> dict[str, Any]:
        key = f"user_data:{name}"
        near = self._near.get(key)
        if near is not None and time.time() < near[0]:
            return near[1]
        text = await self._client.get(key)
        value = _from_json(text) if text else await self._row(key, name)
        self._near[key] = time.time() + 300, value
        return value

    async def _row(self, key: str, name: str) -> dict[str, Any]:
        found = await self._database.execute(
            f"SELECT {', '.join(USERS.names)} FROM mailray.users WHERE tenant = %s AND user_id = %s",
            (TENANT, name),
        )
        row = await found.fetchone()
        assert row is not None
        value = dict(zip(USERS.names, row, strict=True))
        value["attributes"] = json.dumps(value["attributes"])
        await self._client.set(key, json.dumps(value, default=str), ex=300)
        return value


def _from_json(text: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(text)
    return value | {name: datetime.fromisoformat(value[name]) for name in ("created_at", "last_activity")}


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


def milliseconds(run: Callable[[], object], before: Callable[[], object], rounds: int) -> list[float]:
    took = []
    for _ in range(rounds):
        before()
        start = time.perf_counter()
        run()
        took.append((time.perf_counter() - start) * 1e3)
    return took


def layers(cache: Cache, names: pa.StringArray, at: Servers, rounds: int) -> dict[str, list[float]]:
    users = cache.users
    clients = redis.Redis.from_url(at.redis, password=at.redis_password)

    def forget() -> None:
        users._memory.clear(users.space.prefix)

    def forget_both() -> None:
        forget()
        keys = clients.keys(f"{users.space.prefix}*")
        if keys:
            clients.unlink(*keys)  # type: ignore[misc]

    ask = lambda: users.get_many(names)  # noqa: E731
    took = {"store": milliseconds(ask, forget_both, rounds)}
    took["redis"] = milliseconds(ask, forget, rounds)
    took["memory"] = milliseconds(ask, lambda: None, rounds)
    return took


async def one_by_one(names: list[str], at: Servers) -> dict[str, list[float]]:
    client = redis.asyncio.Redis.from_url(at.redis, password=at.redis_password)
    connection = await psycopg.AsyncConnection.connect(at.postgres, password=at.postgres_password, autocommit=True)
    ways = OneByOne(connection, client)
    took: dict[str, list[float]] = {}

    async def nothing() -> None: ...

    async def forget() -> None:
        ways.forget()

    async def forget_both() -> None:
        ways.forget()
        await client.flushdb()

    befores: dict[str, Callable[[], Awaitable[None]]] = {"store": forget_both, "redis": forget, "memory": nothing}
    for layer, before in befores.items():
        for _ in range(ONE_BY_ONE_ROUNDS):
            await before()
            start = time.perf_counter()
            await ways.batch(names)
            took.setdefault(layer, []).append((time.perf_counter() - start) * 1e3)
    await connection.close()
    await client.aclose()
    return took


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.cache")
    arguments.add_argument("--rounds", type=int, default=30)
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
    with closing(PostgresStore(pool, TENANT)) as store, open_cache(caches, store) as cache:
        store.put_users(people_of, Write("benchmark", "users", "all", 1))
        cache.users.catch_up()
        names = pa.array(asked)
        assert cache.users.get_many(names).rows.column("user_id").to_pylist() == asked
        ours = layers(cache, names, at, rounds)
        theirs = asyncio.run(one_by_one(asked, at))
    show(f"{ASKED:,} people, servers {away * 1e3:g} ms away: least and median milliseconds", ours, theirs)


def show(title: str, ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> None:
    shown = Table(title=title, title_justify="left")
    shown.add_column("all from")
    for heading in ("get_many", "at most", "one by one", "times (least of each)"):
        shown.add_column(heading, justify="right")
    for layer, most in LAYERS.items():
        mine, others = ours[layer], theirs[layer]
        shown.add_row(
            layer,
            f"{min(mine):.2f} {statistics.median(mine):.2f}",
            f"{most:g}",
            f"{min(others):.1f} {statistics.median(others):.1f}",
            f"{min(others) / min(mine):.0f}",
        )
    Console().print(shown)


if __name__ == "__main__":
    main()
