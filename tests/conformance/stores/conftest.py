"""Each kind of store of people is one line in KINDS; every test here runs on every kind."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.adapters.stores.store_postgres import PostgresStore
from engine.adapters.stores.store_sqlite import SqliteStore
from engine.audience.store import Store

KINDS: dict[str, Callable[[Path, Any, str], Store]] = {
    "sqlite": lambda folder, _, tenant: SqliteStore(folder / "new" / "store.sqlite", tenant),
    "postgres": lambda _, pool, tenant: in_database(pool, tenant),
}


def in_database(pool: PostgresPool, tenant: str) -> PostgresStore:
    assert pool.share()
    return PostgresStore(pool, tenant)


@pytest.fixture(scope="session")
def pool(postgres: Any) -> Iterator[PostgresPool]:
    database = parse_database(postgres.url, postgres.password, STORE)
    pool = PostgresPool(database, [], PoolLimits(min_connections=1), lag=0)
    yield pool
    pool.close()


@pytest.fixture(params=KINDS, scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def open_store(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Store]:
    """Opens the store of a tenant, in the one database of this module."""
    pool = request.getfixturevalue("pool") if kind == "postgres" else None
    folder = tmp_path_factory.mktemp("store")
    return lambda tenant: KINDS[kind](folder, pool, tenant)


@pytest.fixture
def tenant() -> str:
    return f"tenant {uuid.uuid4()}"


@pytest.fixture
def store(open_store: Callable[[str], Store], tenant: str) -> Iterator[Store]:
    """The store of a tenant whom no other test knows."""
    made = open_store(tenant)
    yield made
    made.close()
