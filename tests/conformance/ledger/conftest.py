"""Each kind of ledger is one line in KINDS; every test here runs on every kind."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.ledger.contract import Ledger
from engine.ledger.memory import MemoryLedger

KINDS: dict[str, Callable[[Path], Ledger]] = {
    "memory": lambda folder: MemoryLedger(),
    "sqlite": SqliteLedger,
}


@pytest.fixture(params=KINDS)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    return KINDS[request.param](tmp_path / "ledger")
