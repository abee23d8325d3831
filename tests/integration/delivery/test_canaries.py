"""Whom a run mails stands in its audience and outbox alone, and what it signs with nowhere: not in what is printed, ledgers and records."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.adapters.inbox import BackgroundInbox, Faults, InboxSettings
from jobs.cli import run_guarded

SECRET = "canary-of-a-secret-that-signs"
FAULTS = Faults(seed=3, permanent=0.2, temporary=0.2, drop_after_dot=0.2)


def test_no_address_and_no_secret_is_told_or_kept_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a run in which messages are accepted, rejected, deferred, and lost in doubt."""
    monkeypatch.chdir(tmp_path)
    run_guarded(["init", "welcome"], debug=True)
    (tmp_path / "welcome" / "secret.key").write_text(SECRET, encoding="utf-8")
    (tmp_path / "welcome" / "suppressed.csv").write_text("email\n", encoding="utf-8")
    people = tmp_path / "welcome" / "customers.csv"
    text = people.read_text(encoding="utf-8")
    people.write_text(text.replace("@example.com", "@canary.example.com"), encoding="utf-8")
    with BackgroundInbox(InboxSettings(faults=FAULTS)) as inbox:
        to = ["--transport", f"smtp://127.0.0.1:{inbox.port}", "--run-dir", "one", "--runner", "inline", "--no-wait"]
        assert run_guarded(["run", "welcome", *to], debug=True) == 1
    for command in (
        ["status", "one", "--json"],
        ["unknown", "one"],
        ["ledger", "export", "one", "out.parquet"],
        ["ledger", "verify", "one"],
        ["doctor", "welcome"],
    ):
        assert run_guarded(command, debug=True) == 0
    printed, table = capsys.readouterr(), pq.read_table(tmp_path / "out.parquet")
    assert {"accepted", "rejected", "deferred", "unknown"} <= set(table["state"].to_pylist())
    assert "canary" not in printed.out + printed.err + str(table.to_pydict())
    holding = {path.parent.name for path in (tmp_path / "one").rglob("*") if path.is_file() and holds(path)}
    assert holding == {"audience", "outbox"}


def holds(path: Path) -> bool:
    """Parquet files are compressed, and read."""
    content = path.read_bytes()
    return b"canary" in content or (path.suffix == ".parquet" and "canary" in str(pq.read_table(path).to_pydict()))
