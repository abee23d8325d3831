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

KINDS: dict[str, Callable[[Path, Any, str], ExecutionStore]] = {
    "memory": lambda folder, _, tenant: MemoryExecutions(),
    "sqlite": lambda folder, _, tenant: SqliteExecutions(folder / "store.sqlite", tenant),
    "postgres": lambda _, pool, tenant: in_database(pool, tenant),
}


def in_database(pool: PostgresPool, tenant: str) -> PostgresExecutions:
    assert pool.share()
    return PostgresExecutions(pool, tenant)


@pytest.fixture(scope="session")
def pool(postgres: Any) -> Iterator[PostgresPool]:
    database = parse_database(postgres.url, postgres.password, STORE)
    pool = PostgresPool(database, [], PoolLimits(min_connections=1), lag=0)
    yield pool
    pool.close()


@pytest.fixture
def open_one(request: pytest.FixtureRequest) -> Callable[[str, Path, str], ExecutionStore]:
    """Opens the store of a kind, in a folder or in the server that tests share, for a tenant."""

    def run(kind: str, folder: Path, tenant: str) -> ExecutionStore:
        return KINDS[kind](folder, request.getfixturevalue("pool") if kind == "postgres" else None, tenant)

    return run


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, open_one: Any, tmp_path: Path) -> Iterator[ExecutionStore]:
    made: ExecutionStore = open_one(request.param, tmp_path, f"tenant {uuid.uuid4()}")
    yield made
    made.close()
