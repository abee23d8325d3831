"""Each kind of layer is one line in KINDS; every test here runs on every kind that can do what it asks for."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from engine.adapters.caches.redis_layer import RedisLayer, connect
from engine.adapters.caches.stored_users import StoredUsers
from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.adapters.stores.store_postgres import PostgresStore
from engine.adapters.stores.store_sqlite import SqliteStore
from engine.audience.store import USERS, Store, Write
from engine.cache.figures import Figures
from engine.cache.layer import Readable
from engine.cache.memory import MemoryLayer
from engine.cache.origin import OriginLayer
from engine.cache.policy import Policy
from engine.cache.records import Kind, heads, heads_of
from engine.cache.space import Space

SCHEMA = pa.schema([pa.field("name", pa.string()), pa.field("text", pa.string()), pa.field("version", pa.int64())])


def wall() -> int:
    return time.time_ns() // 1_000


class Scene:
    """A layer, and how something comes into it."""

    schema, text = SCHEMA, "text"
    odd = ("", "a:b", "a\nb\0", "ä𝄞", "x" * 2_000)
    """Names that are hard to tell apart or to hold."""

    def __init__(self, layer: Any) -> None:
        self.layer: Any = layer
        self.spaces = {tenant: Space(tenant, "customers", self.schema) for tenant in ("a", "b", "a:b", "2:a")}

    def read(self, names: Sequence[str], tenant: str = "a") -> list[str | None]:
        """The text under each name, None where none is given."""
        space = self.spaces[tenant]
        found: Readable = self.layer
        records = found.get_many(space.keys(names))
        there = [record is not None and heads_of([record])["kind"][0] == Kind.PRESENT for record in records]
        batch = space.rows.unpack([record for record, good in zip(records, there, strict=True) if record and good])
        texts = iter(batch.column(self.text).to_pylist())
        return [next(texts) if good else None for good in there]

    def keep(self, texts: dict[str, str], version: int = 1, tenant: str = "a") -> None:
        self.layer.put_many(*self.records(texts, version, tenant))

    def records(self, texts: dict[str, str], version: int, tenant: str = "a") -> tuple[list[str], list[bytes]]:
        space = self.spaces[tenant]
        batch = pa.record_batch([[*texts], [*texts.values()], [version] * len(texts)], schema=SCHEMA)
        until = np.full(len(texts), wall() + 300_000_000)
        return space.keys([*texts]), space.rows.pack(
            batch, heads(Kind.PRESENT, np.full(len(texts), version), until).tobytes()
        )


class StoreScene(Scene):
    def __init__(self, origin: Callable[[], Any]) -> None:
        super().__init__(None)
        self.origins = {tenant: origin() for tenant in self.spaces}

    def read(self, names: Sequence[str], tenant: str = "a") -> list[str | None]:
        self.layer = OriginLayer(self.origins[tenant], self.spaces[tenant], Policy(), wall)
        return super().read(names, tenant)

    def keep(self, texts: dict[str, str], version: int = 1, tenant: str = "a") -> None:
        for name, text in texts.items():
            self.origins[tenant].put(name, text)


class UsersScene(StoreScene):
    """People in a database, as they are cached."""

    schema, text = USERS, "first_name"
    odd = ("a:b", "a\nb", "ä𝄞", "x'; DROP TABLE users; --")

    def __init__(self, open_store: Callable[[str], Store]) -> None:
        Scene.__init__(self, None)
        unique = uuid.uuid4().hex
        self.stores = {tenant: open_store(f"{unique} {tenant}") for tenant in self.spaces}
        self.origins = {tenant: StoredUsers(store) for tenant, store in self.stores.items()}

    def keep(self, texts: dict[str, str], version: int = 1, tenant: str = "a") -> None:
        users = pa.record_batch({"user_id": [*texts], "first_name": [*texts.values()]})
        self.stores[tenant].put_users(users, Write(uuid.uuid4().hex, "test", "test", version))


def _sqlite(request: pytest.FixtureRequest) -> Scene:
    folder = request.getfixturevalue("tmp_path")
    return UsersScene(lambda tenant: SqliteStore(folder / "store.sqlite", tenant))


def _postgres(request: pytest.FixtureRequest) -> Scene:
    pool = request.getfixturevalue("pool")
    return UsersScene(lambda tenant: PostgresStore(pool, tenant) if pool.share() else pytest.fail("the pool is closed"))


@pytest.fixture(scope="session")
def pool(postgres: Any) -> Iterator[PostgresPool]:
    pool = PostgresPool(
        parse_database(postgres.url, postgres.password, STORE), [], PoolLimits(min_connections=1), lag=0
    )
    yield pool
    pool.close()


def _redis(server: Any) -> Scene:
    client = connect(server.url, server.password)
    client.flushdb()
    return Scene(RedisLayer(client, b"secret", wall, Figures()))


KINDS: dict[str, Callable[[pytest.FixtureRequest], Scene]] = {
    "memory": lambda request: Scene(MemoryLayer(8 << 20)),
    "redis": lambda request: _redis(request.getfixturevalue("redis_server")),
    "store": lambda request: StoreScene(request.getfixturevalue("make_customers")),
    "users in SQLite": _sqlite,
    "users in PostgreSQL": _postgres,
}


@pytest.fixture(params=KINDS)
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    made = KINDS[request.param](request)
    yield made
    for each in made.stores.values() if isinstance(made, UsersScene) else ():
        each.close()


@pytest.fixture(params=["memory", "redis"])
def keeper(request: pytest.FixtureRequest) -> Scene:
    """A layer that keeps what it is given."""
    return KINDS[request.param](request)
