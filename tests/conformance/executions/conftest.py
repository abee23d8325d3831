"""Each kind of store of executions is one line in KINDS; every test here runs on every kind."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.workflow.executions import ExecutionStore
from engine.workflow.memory import MemoryExecutions

KINDS: dict[str, Callable[[Path], ExecutionStore]] = {
    "memory": lambda folder: MemoryExecutions(),
}


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ExecutionStore]:
    made = KINDS[request.param](tmp_path)
    yield made
    made.close()
