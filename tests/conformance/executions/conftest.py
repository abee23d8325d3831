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
from engine.workflow.executions import ExecutionStore, Owner
from engine.workflow.memory import MemoryExecutions

KINDS: dict[str, Callable[[Path, Any, str, Owner | None], ExecutionStore]] = {
    "memory": lambda folder, _, tenant, owner: MemoryExecutions(),
    "sqlite": lambda folder, _, tenant, owner: SqliteExecutions(folder / "store.sqlite", tenant, owner),
    "postgres": lambda _, pool, tenant, owner: in_database(pool, tenant, owner),
}


def in_database(pool: PostgresPool, tenant: str, owner: Owner | None) -> PostgresExecutions:
    assert pool.share()
    return PostgresExecutions(pool, tenant, owner)


@pytest.fixture(scope="session")
def pool(postgres: Any) -> Iterator[PostgresPool]:
    database = parse_database(postgres.url, postgres.password, STORE)
    pool = PostgresPool(database, [], PoolLimits(min_connections=1), lag=0)
    yield pool
    pool.close()


@pytest.fixture
def open_one(request: pytest.FixtureRequest) -> Callable[..., ExecutionStore]:
    """Opens the store of a kind, in a folder or in the server that tests share, for a tenant, and perhaps in an owner's name."""

    def run(kind: str, folder: Path, tenant: str, owner: Owner | None = None) -> ExecutionStore:
        return KINDS[kind](folder, request.getfixturevalue("pool") if kind == "postgres" else None, tenant, owner)

    return run


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, open_one: Any, tmp_path: Path) -> Iterator[ExecutionStore]:
    made: ExecutionStore = open_one(request.param, tmp_path, f"tenant {uuid.uuid4()}")
    yield made
    made.close()
