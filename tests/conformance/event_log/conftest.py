"""Each kind of event log is one line in KINDS; every test here runs on every kind."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.feedback.event_log import SqliteEventLog
from engine.adapters.feedback.event_log_postgres import PostgresEventLog
from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.delivery.feedback.contract import EventLog

KINDS: dict[str, Callable[[Path, Any], EventLog]] = {
    "sqlite": lambda folder, _: SqliteEventLog(folder / "new" / "feedback.sqlite", "default"),
    "postgres": lambda _, server: PostgresEventLog(pool_of(server), f"tenant {uuid.uuid4()}"),
}


def pool_of(server: Any) -> PostgresPool:
    database = parse_database(server.url, server.password, STORE)
    return PostgresPool(database, [], PoolLimits(min_connections=1), lag=0)


@pytest.fixture(params=KINDS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    made = KINDS[request.param](tmp_path, server)
    yield made
    made.close()
