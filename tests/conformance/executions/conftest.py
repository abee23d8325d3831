"""Each kind of store of executions is one line in KINDS; every test here runs on every kind."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.stores.executions_postgres import PostgresExecutions
from engine.adapters.stores.executions_sqlite import SqliteExecutions
from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.workflow.executions import ExecutionStore
from engine.workflow.memory import MemoryExecutions

KINDS: dict[str, Callable[[Path, Any], ExecutionStore]] = {
    "memory": lambda folder, _: MemoryExecutions(),
    "sqlite": lambda folder, _: SqliteExecutions(folder / "store.sqlite", "tenant"),
    "postgres": lambda _, pool: in_database(pool),
}


def in_database(pool: PostgresPool) -> PostgresExecutions:
    assert pool.share()
    return PostgresExecutions(pool, f"tenant {uuid.uuid4()}")


@pytest.fixture(scope="session")
def pool(postgres: Any) -> Iterator[PostgresPool]:
    database = parse_database(postgres.url, postgres.password, STORE)
    pool = PostgresPool(database, [], PoolLimits(min_connections=1), lag=0)
    yield pool
    pool.close()


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ExecutionStore]:
    pool = request.getfixturevalue("pool") if request.param == "postgres" else None
    made = KINDS[request.param](tmp_path, pool)
    yield made
    made.close()
