"""Nodes as they are assembled: threads, real Redis, the wall's clock."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pyarrow as pa
import pytest

from engine.adapters.caches.announcements import Announcements
from engine.adapters.caches.keeper import Background, kept
from engine.adapters.caches.redis_layer import RedisLayer, connect
from engine.cache.breaker import Breaker
from engine.cache.figures import Figures
from engine.cache.memory import MemoryLayer
from engine.cache.policy import Policy
from engine.cache.shared import Shared
from engine.cache.space import Space
from engine.cache.stack import CacheStack, Surroundings


def wall() -> int:
    return time.time_ns() // 1_000


def until(met: Callable[[], bool]) -> None:
    """Wait for a condition; only a test that fails waits long."""
    end = time.monotonic() + 60
    while not met():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.005)


class Node:
    def __init__(self, origin: Any, server: Any, name: str, policy: Policy) -> None:
        self.figures = Figures()
        self.background = Background(self.figures)
        self.memory = MemoryLayer(1 << 20)
        self.space = Space("tenant", "customers", origin.schema)
        self.layer = RedisLayer(connect(server.url, server.password), b"secret", wall, self.figures)
        self.shared = Shared(self.layer, self.space, Breaker(time.monotonic, name), self.figures)
        around = Surroundings(wall, time.perf_counter, self.background.later)
        self.stack = CacheStack(self.space, origin, self.memory, self.shared, policy, self.figures, around)
        self.announcements = Announcements(
            lambda: connect(server.url, server.password, retries=0),
            [self.stack],
            Breaker(time.monotonic, name),
            self.figures,
        )

    def get(self, *names: str) -> list[str | None]:
        found = self.stack.get_many(pa.array(names, pa.string()))
        texts = iter(found.rows.column("text").to_pylist())
        return [next(texts) if there else None for there in found.found]

    def events(self, layer: str, event: str) -> int:
        return self.figures.events().get((layer, event), 0)


Running = Callable[..., Node]


@pytest.fixture
def running() -> Iterator[Running]:
    """Makes a node with its threads. ``hears`` is false of one that hears no announcements."""
    with ExitStack() as ends:

        def run(
            origin: Any, server: Any, name: str = "node", *, hears: bool = True, policy: Policy | None = None
        ) -> Node:
            node = Node(origin, server, name, policy or Policy())
            ends.callback(node.background.close)
            ends.enter_context(kept([node.stack], node.announcements.hear if hears else None, node.figures))
            return node

        yield run


@pytest.fixture(autouse=True)
def empty(request: pytest.FixtureRequest) -> None:
    """The server that tests share holds nothing of another test."""
    if "redis_server" in request.fixturenames:
        server = request.getfixturevalue("redis_server")
        connect(server.url, server.password).flushall()


@pytest.fixture(name="until")
def fixture_until() -> Callable[[Callable[[], bool]], None]:
    return until
