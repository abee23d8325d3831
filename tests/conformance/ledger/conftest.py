"""Each kind of ledger is one line in KINDS; every test here runs on every kind."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.stores.ledger_postgres import PostgresLedger
from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.adapters.stores.postgres_session import parse_database
from engine.ledger.contract import Ledger
from engine.ledger.memory import MemoryLedger


def in_memory(request: pytest.FixtureRequest, folder: Path) -> Ledger:
    return MemoryLedger()


def in_files(request: pytest.FixtureRequest, folder: Path) -> Ledger:
    return SqliteLedger(folder)


def in_postgres(request: pytest.FixtureRequest, folder: Path) -> Ledger:
    server = request.getfixturevalue("postgres")
    return PostgresLedger(parse_database(server.url, server.password), str(uuid.uuid4()))


KINDS: dict[str, Callable[[pytest.FixtureRequest, Path], Ledger]] = {
    "memory": in_memory,
    "sqlite": in_files,
    "postgres": in_postgres,
}


@pytest.fixture(params=KINDS)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    return KINDS[request.param](request, tmp_path / "ledger")
