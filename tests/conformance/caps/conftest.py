"""Each kind of caps store is one line in KINDS; every test here runs on every kind."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.stores.caps_memory import MemoryCaps
from engine.adapters.stores.caps_postgres import PostgresCaps
from engine.adapters.stores.caps_sqlite import SqliteCaps
from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.audience.frequency import CapsStore

KINDS: dict[str, Callable[[Path, Any], CapsStore]] = {
    "memory": lambda folder, _: MemoryCaps(),
    "sqlite": lambda folder, _: SqliteCaps(folder / "new" / "caps.sqlite"),
    "postgres": lambda _, server: PostgresCaps(pool_of(server), f"tenant {uuid.uuid4()}"),
}


def pool_of(server: Any) -> PostgresPool:
    database = parse_database(server.url, server.password, STORE)
    return PostgresPool(database, [], PoolLimits(min_connections=1), lag=0)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CapsStore]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    made = KINDS[request.param](tmp_path, server)
    yield made
    made.close()
