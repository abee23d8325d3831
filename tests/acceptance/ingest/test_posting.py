"""`mailray serve` takes events and triggers, and what it has acknowledged outlives it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs.cli import run_guarded

ROOT = Path(__file__).parents[3]


def test_what_was_acknowledged_outlives_a_kill(
    environment: dict[str, str],
    kept: Callable[[], list[str]],
    lines: Callable[..., bytes],
    defined: str,
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "jobs.cli", "serve", "--port", "0", "--json", "--events-token", "env:EVENTS_TOKEN"]
    environ = {**environment, "PYTHONPATH": str(ROOT), "EVENTS_TOKEN": "canary-token"}
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = ""
        while not told.endswith("}\n"):
            told += process.stdout.readline()
        with httpx.Client(base_url=json.loads(told)["url"]) as client:
            assert client.post("/events", content=lines(3)).status_code == 401
            client.headers = httpx.Headers(
                {"Authorization": "Bearer canary-token", "Content-Type": "application/x-ndjson"}
            )
            for _ in range(2):
                assert client.post("/events", content=lines(3)).json() == {"accepted": 3}
            assert client.post("/events", content=lines(3, first=3, bad=(4,))).status_code == 400
            for number in (1, 2, 2):
                trigger = {"user_id": "u1", "id": number}
                assert client.post(f"/workflows/{defined}/trigger", json=trigger).json() == {"accepted": 1}
            assert (
                client.post("/workflows/welcom/trigger", json={"user_id": "u1"}).json()["help"].endswith("`welcome`?")
            )
            metrics = client.get("/metrics").text
        process.kill()
    found = kept()
    assert found[:3] == ["e0", "e1", "e2"]
    assert [each.partition(":")[0] for each in found[3:]] == ["trigger", "trigger"]
    assert "mailray_posted_events_total 6.0" in metrics
    assert "mailray_posted_triggers_total 3.0" in metrics
    assert "canary" not in metrics + told


def test_a_token_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for reference, code in (("env:NOT_SET", 78), ("file:two-words", 2)):
        (tmp_path / "two-words").write_text("no token")
        assert run_guarded(["serve", "--events-token", reference], debug=False) == code
    told = capsys.readouterr().err
    assert "MR161" in told
    assert "MR799" in told
    assert "no token" not in told
