"""The command line in a subprocess, as a user has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Mailray = Callable[..., Finished]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """No setting of the machine's reaches the command, and a wide terminal keeps lines whole."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAILRAY_", "RAY_ADDRESS"))}
    return {**ours, "COLUMNS": "200", "NO_COLOR": "1", "PYTHONWARNINGS": "error"}


@pytest.fixture
def mailray(environment: dict[str, str], tmp_path: Path) -> Mailray:
    """Run a verb in an empty folder and wait for it."""

    def run(*arguments: str | Path, env: dict[str, str] | None = None) -> Finished:
        done = subprocess.run(
            [sys.executable, "-m", "jobs.cli", *map(str, arguments)],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(ROOT), **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def campaign(mailray: Mailray, tmp_path: Path) -> Path:
    """A small campaign of one's own to change, as `mailray init` makes it."""
    folder = tmp_path / "welcome"
    assert mailray("init", folder).code == 0
    return folder
