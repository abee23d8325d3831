"""A run whose ledger is in PostgreSQL, which fails while the run is sending."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.inbox import BackgroundInbox, read_log

Mailray = Callable[..., Any]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def where(own_postgres: Any) -> dict[str, str]:
    """The settings of the ledger, with the password by reference."""
    return {
        "MAILRAY_LEDGER": own_postgres.url,
        "MAILRAY_LEDGER_PASSWORD": "env:LEDGER_SECRET",
        "LEDGER_SECRET": own_postgres.password,
    }


def test_a_run_goes_on_after_its_database_was_killed(
    mailray: Mailray,
    large: Path,
    inbox: BackgroundInbox,
    log: Path,
    tmp_path: Path,
    own_postgres: Any,
    where: dict[str, str],
    environment: dict[str, str],
) -> None:
    run = tmp_path / "one"
    transport = f"smtp://127.0.0.1:{inbox.port}"
    options = ["--runner", "inline", "--transport", transport, "--run-dir", run]
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "run", large, *options],
        cwd=tmp_path,
        env={**environment, **where, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    while inbox.counts.accepted < 1_000:
        assert process.poll() is None
        time.sleep(0.01)
    own_postgres.kill()
    _, told = process.communicate(timeout=120)
    assert (process.returncode, b"MR613" in told) == (69, True), told
    stood = inbox.counts.accepted
    secret = {"LEDGER_SECRET": own_postgres.password}
    assert mailray("status", run, env=secret).code == 69
    own_postgres.start()
    status = mailray("status", run, "--json", env=secret).json
    assert status["phase"] == "stopped while delivering"
    resumed = mailray("resume", run, "--runner", "inline", "--transport", transport, "--json", env=secret)
    assert resumed.code in (0, 1), resumed.err
    outcomes, arrived = resumed.json["outcomes"], Counter(line.message_id for line in read_log(log))
    assert sum(outcomes.values()) == resumed.json["plan"]["messages"]
    assert outcomes["planned"] == outcomes["intent"] == 0
    assert set(arrived.values()) == {1}
    assert outcomes["accepted"] <= len(arrived) <= outcomes["accepted"] + outcomes["unknown"]
    assert outcomes["unknown"] <= 8  # a message in doubt for each open connection
    assert len(arrived) > stood
    listed = mailray("unknown", run, "--json", env=secret).json["unknown"]
    assert len(listed) == outcomes["unknown"]
    assert not any(own_postgres.password in path.read_text("utf-8", "replace") for path in run.glob("*.json*"))


def test_what_is_wrong_with_the_ledger_is_said_before_anything_is_made(
    mailray: Mailray, campaign: Path, tmp_path: Path, where: dict[str, str]
) -> None:
    for change, code in (
        ({"LEDGER_SECRET": "wrong"}, "MR612"),
        ({"LEDGER_SECRET": ""}, "MR161"),
        ({"MAILRAY_LEDGER": "postgresql://mailray@127.0.0.1:1/postgres"}, "MR613"),
        ({"MAILRAY_LEDGER": "postgresql://mailray:secret@127.0.0.1/postgres"}, "MR614"),
        ({"MAILRAY_LEDGER": "postgres://mailray@127.0.0.1/postgres"}, "MR614"),
    ):
        refused = mailray("run", campaign, "--runner", "inline", "--run-dir", "one", env={**where, **change})
        assert (refused.code > 2 or code == "MR614", code in refused.err) == (True, True), refused.err
        assert not (tmp_path / "one").exists()
    doctor = mailray("doctor", "--json", env={**where, "LEDGER_SECRET": "wrong"})
    assert [each["name"] for each in doctor.json["findings"] if not each["ok"]] == ["ledger"]
    assert mailray("doctor", env=where).code == 0
