"""Each kind of suppression store is one line in KINDS; every test here runs on every kind."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.adapters.stores.suppression_memory import MemorySuppression
from engine.adapters.stores.suppression_postgres import PostgresSuppression
from engine.adapters.stores.suppression_sqlite import SqliteSuppression
from engine.audience.suppression import SuppressionStore

KINDS: dict[str, Callable[[Path, Any], SuppressionStore]] = {
    "memory": lambda folder, _: MemorySuppression(),
    "sqlite": lambda folder, _: SqliteSuppression(folder / "new" / "suppression.sqlite", "default"),
    "postgres": lambda _, server: PostgresSuppression(pool_of(server), f"tenant {uuid.uuid4()}"),
}


def pool_of(server: Any) -> PostgresPool:
    database = parse_database(server.url, server.password, STORE)
    return PostgresPool(database, [], PoolLimits(min_connections=1), lag=0)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SuppressionStore]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    made = KINDS[request.param](tmp_path, server)
    yield made
    made.close()
