"""Stores of people in databases of their own, and processes that are killed while they write to one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.adapters.stores.store_postgres import PostgresStore

LIMITS = PoolLimits(min_connections=1)
WRITER = """
import sys, time
import pyarrow as pa
from engine.audience.store import Write

kind, place, password = sys.argv[1:]
if kind == "sqlite":
    from pathlib import Path
    from engine.adapters.stores.store_sqlite import SqliteStore as Kind

    store = Kind(Path(place), "tenant")
else:
    from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
    from engine.adapters.stores.postgres_session import parse_database
    from engine.adapters.stores.store_postgres import PostgresStore as Kind

    store = Kind(PostgresPool(parse_database(place, password, STORE), [], PoolLimits(min_connections=1), lag=0), "tenant")

def stand(*_):
    print("all but the commit is done", flush=True)
    time.sleep(600)

Kind._tell = stand
store.put_users(pa.record_batch({"user_id": [str(n) for n in range(5_000)]}), Write("run", "step", "key", 1))
"""


@pytest.fixture
def people() -> Callable[..., pa.RecordBatch]:
    return lambda *names: pa.record_batch({"user_id": pa.array(names, pa.string())})


@pytest.fixture
def killed_writer() -> Callable[[str, str, str], None]:
    """Runs a process that writes 5,000 people, and kills it before it commits."""

    def run(kind: str, place: str, password: str) -> None:
        command = [sys.executable, "-c", WRITER, kind, place, password]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "."}
        ) as process:
            assert process.stdout is not None
            try:
                assert process.stdout.readline() == "all but the commit is done\n"
            finally:
                process.kill()

    return run


@pytest.fixture(scope="module")
def server(postgres_kind: Any) -> Iterator[Any]:
    """A server of this module's own; its tests may kill it and start it again."""
    made = postgres_kind()
    made.start()
    yield made
    made.remove()


@pytest.fixture
def opened(server: Any) -> Callable[..., Any]:
    """Opens the store of a tenant with a pool of its own."""

    @contextmanager
    def run(tenant: str, limits: PoolLimits = LIMITS) -> Iterator[PostgresStore]:
        store = PostgresStore(
            PostgresPool(parse_database(server.url, server.password, STORE), [], limits, lag=0), tenant
        )
        try:
            yield store
        finally:
            store.close()

    return run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stores" / "store.sqlite"
