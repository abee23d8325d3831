"""Each kind of layer is one line in KINDS; every test here runs on every kind that can do what it asks for."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from engine.adapters.caches.redis_layer import RedisLayer, connect
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
    """A layer, and how something comes into it. ``keeps`` is false of the one that is only read."""

    keeps = True

    def __init__(self, layer: Any) -> None:
        self.layer: Any = layer
        self.spaces = {tenant: Space(tenant, "customers", SCHEMA) for tenant in ("a", "b", "a:b", "2:a")}

    def read(self, names: Sequence[str], tenant: str = "a") -> list[str | None]:
        """The text under each name, None where none is given."""
        space = self.spaces[tenant]
        found: Readable = self.layer
        records = found.get_many(space.keys(names))
        kinds = [None if record is None else heads_of([record])["kind"][0] for record in records]
        return [
            space.rows.unpack([record]).column("text")[0].as_py() if record and kind == Kind.PRESENT else None
            for record, kind in zip(records, kinds, strict=True)
        ]

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
    keeps = False

    def __init__(self, origin: Callable[[], Any]) -> None:
        super().__init__(None)
        self.origins = {tenant: origin() for tenant in self.spaces}

    def read(self, names: Sequence[str], tenant: str = "a") -> list[str | None]:
        self.layer = OriginLayer(self.origins[tenant], self.spaces[tenant], Policy(), wall)
        return super().read(names, tenant)

    def keep(self, texts: dict[str, str], version: int = 1, tenant: str = "a") -> None:
        for name, text in texts.items():
            self.origins[tenant].put(name, text)


def _redis(server: Any) -> Scene:
    client = connect(server.url, server.password)
    client.flushdb()
    return Scene(RedisLayer(client, b"secret", wall, Figures()))


KINDS: dict[str, Callable[[pytest.FixtureRequest], Scene]] = {
    "memory": lambda request: Scene(MemoryLayer(8 << 20)),
    "redis": lambda request: _redis(request.getfixturevalue("redis_server")),
    "store": lambda request: StoreScene(request.getfixturevalue("make_customers")),
}


@pytest.fixture(params=KINDS)
def scene(request: pytest.FixtureRequest) -> Scene:
    return KINDS[request.param](request)


@pytest.fixture(params=[name for name in KINDS if name != "store"])
def keeper(request: pytest.FixtureRequest) -> Scene:
    """A layer that keeps what it is given."""
    return KINDS[request.param](request)
