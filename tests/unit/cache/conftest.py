"""A stack in a world of its own: its clock stands still until it is moved, and what is to be done later waits until it is told to."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from engine.cache.breaker import Breaker
from engine.cache.figures import Figures
from engine.cache.layer import LayerDownError, Marks, SharedLayer
from engine.cache.memory import MemoryLayer
from engine.cache.policy import SECOND, Policy
from engine.cache.records import Kind, gone, heads_of
from engine.cache.shared import Shared
from engine.cache.space import Space
from engine.cache.stack import CacheStack, Surroundings

START = 1_750_000_000 * SECOND


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now

    def seconds(self) -> float:
        return self.now / SECOND


class Elsewhere:
    """A shared layer in memory that can be away, or do what it is told and lose the answer."""

    name = "shared"

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.marked: Marks | None = None
        self.announced: list[str] = []
        self.away = False
        self.asked = 0

    def get_many(self, keys: Any) -> list[bytes | None]:
        self._answer()
        return [self.kept.get(key) for key in keys]

    def put_many(self, keys: Any, records: Any) -> None:
        self._answer()
        for key, record in zip(keys, records, strict=True):
            if key not in self.kept or _version(self.kept[key]) <= _version(record):
                self.kept[key] = record

    def invalidate(self, keys: Any, version: int) -> None:
        self._answer()
        for key in keys:
            if key not in self.kept or _version(self.kept[key]) < version:
                self.kept[key] = gone(version)

    def marks(self, prefix: str) -> Marks | None:
        self._answer()
        return self.marked

    def mark(self, prefix: str, marks: Marks) -> None:
        self._answer()
        self.marked = marks

    def clear(self, prefix: str) -> None:
        self._answer()
        self.marked = None
        self.kept = {key: record for key, record in self.kept.items() if not key.startswith(prefix)}

    def announce(self, prefix: str, names: Any) -> None:
        self._answer()
        self.announced += names

    def _answer(self) -> None:
        self.asked += 1
        if self.away:
            raise LayerDownError("away")


def _version(record: bytes) -> int:
    return int(heads_of([record])["version"][0])


class Node:
    """One process: its memory, its stack, what it has to do later."""

    def __init__(self, origin: Any, clock: Clock, elsewhere: SharedLayer | None, *, memory: int = 1 << 20) -> None:
        self.figures = Figures()
        self.memory = MemoryLayer(memory)
        self.policy = Policy()
        self.space = Space("tenant", "customers", origin.schema)
        self.waiting: list[Callable[[], None]] = []
        self.breaker = Breaker(clock.seconds, "node")
        self.shared = None if elsewhere is None else Shared(elsewhere, self.space, self.breaker, self.figures)
        around = Surroundings(clock, clock.seconds, self._later)
        self.stack = CacheStack(self.space, origin, self.memory, self.shared, self.policy, self.figures, around)

    def get(self, *names: str) -> list[str | None]:
        found = self.stack.get_many(pa.array(names, pa.string()))
        texts = iter(found.rows.column("text").to_pylist())
        return [next(texts) if there else None for there in found.found]

    def do_waiting(self) -> None:
        waiting, self.waiting[:] = list(self.waiting), []
        for each in waiting:
            each()

    def kinds(self) -> dict[str, Kind]:
        """What memory holds, by name."""
        keys = list(self.memory._records)
        return {
            key.rpartition(":")[2]: Kind(int(heads_of([record])["kind"][0]))
            for key, record in zip(keys, self.memory.get_many(keys), strict=True)
            if record is not None
        }

    def _later(self, work: Callable[[], None]) -> bool:
        self.waiting.append(work)
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def node(customers: Any, clock: Clock) -> Node:
    """Without a shared layer."""
    return Node(customers, clock, None)


@pytest.fixture
def nodes(customers: Any, clock: Clock, elsewhere: Elsewhere) -> tuple[Node, Node]:
    """Two, which share a layer and are caught up with it."""
    made = Node(customers, clock, elsewhere), Node(customers, clock, elsewhere)
    for each in made:
        each.stack.catch_up()
    return made
