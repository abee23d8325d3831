"""Each kind of suppression store is one line in KINDS; every test here runs on every kind."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.adapters.stores.suppression_memory import MemorySuppression
from engine.adapters.stores.suppression_sqlite import SqliteSuppression
from engine.audience.suppression import SuppressionStore

KINDS: dict[str, Callable[[Path], SuppressionStore]] = {
    "memory": lambda folder: MemorySuppression(),
    "sqlite": lambda folder: SqliteSuppression(folder / "new" / "suppression.sqlite", "default"),
}


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SuppressionStore]:
    made = KINDS[request.param](tmp_path)
    yield made
    made.close()
