"""Each kind of caps store is one line in KINDS; every test here runs on every kind."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.adapters.stores.caps_memory import MemoryCaps
from engine.adapters.stores.caps_sqlite import SqliteCaps
from engine.audience.frequency import CapsStore

KINDS: dict[str, Callable[[Path], CapsStore]] = {
    "memory": lambda folder: MemoryCaps(),
    "sqlite": lambda folder: SqliteCaps(folder / "new" / "caps.sqlite"),
}


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CapsStore]:
    made = KINDS[request.param](tmp_path)
    yield made
    made.close()
