"""Rows, and what the store of the folder holds of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_executions, open_store
from jobs.cli import run_guarded


def event(number: int, **more: Any) -> dict[str, Any]:
    at = "2026-03-02T10:00:00Z"
    return {"event_id": f"e{number}", "user_id": f"u{number % 7}", "event_type": "ordered", "event_time": at, **more}


@pytest.fixture
def lines() -> Callable[..., bytes]:
    """So many events as JSON lines, from a number on, and rows that are none among them."""
    return lambda count, first=0, bad=(): b"".join(
        json.dumps(event(number) if number not in bad else {"event_id": f"e{number}"}).encode() + b"\n"
        for number in range(first, first + count)
    )


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[], list[str]]:
    """The ids of the events that the command's store holds, in the order of their arrival."""

    def ids() -> list[str]:
        settings = AppSettings.load(runs=tmp_path / "runs")
        with closing(open_store(settings.stores_at)) as store:
            found, position = [], 0
            while True:
                events, position = store.events(position, 100_000)
                if not events.num_rows:
                    return found
                found += events.column("event_id").to_pylist()

    return ids


@pytest.fixture
def defined(tmp_path: Path) -> str:
    """A workflow that the command's store knows."""
    with closing(open_executions(AppSettings.load(runs=tmp_path / "runs").stores_at)) as executions:
        executions.define("welcome", "1", "{}")
    return "welcome"


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def ingest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Finished]:
    """The verb's command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, env: Mapping[str, str] | None = None) -> Finished:
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        code = run_guarded(["ingest", *arguments], debug=False)
        told = capsys.readouterr()
        return Finished(code, told.out, told.err)

    return run
