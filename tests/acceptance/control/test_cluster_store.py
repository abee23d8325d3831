"""Stores in PostgreSQL, as whoever works at the command line meets them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Mailray = Callable[..., Any]


@pytest.fixture
def store(own_postgres: Any) -> dict[str, str]:
    """The settings of a store of one's own, with the password by reference."""
    return {
        "MAILRAY_STORE": own_postgres.url,
        "MAILRAY_STORE_PASSWORD": "env:STORE_SECRET",
        "MAILRAY_STORE_MIN_CONNECTIONS": "1",
        "STORE_SECRET": own_postgres.password,
    }


def test_what_one_machine_suppresses_another_does_not_mail(
    mailray: Mailray, campaign: Path, tmp_path: Path, own_postgres: Any, store: dict[str, str]
) -> None:
    before = mailray("plan", campaign, "--runner", "inline", "--json", env=store).json["plan"]["verdicts"]["suppressed"]
    address = next(
        line.split(",")[2] for line in (campaign / "customers.csv").read_text().splitlines() if ",true," in line.lower()
    )
    added = mailray("suppress", "add", address, "--json", env={**store, "MAILRAY_STORES": str(tmp_path / "here")})
    assert added.json == {"asked": 1, "new": 1}, added.err
    there = {**store, "MAILRAY_STORES": str(tmp_path / "there")}
    assert [each["address"] for each in mailray("suppress", "list", "--json", env=there).json["entries"]] == [address]
    done = mailray(
        "run", campaign, "--runner", "inline", "--transport", "rehearsal:", "--run-dir", "one", "--json", env=there
    )
    assert done.code in (0, 1), done.err
    assert done.json["plan"]["verdicts"]["suppressed"] == before + 1
    assert not (tmp_path / "here").exists()
    assert not (tmp_path / "there").exists()
    assert own_postgres.password not in (tmp_path / "one" / "manifest.json").read_text()
    assert mailray("suppress", "remove", address, "--json", env=there).json == {"asked": 1, "removed": 1}


def test_what_is_wrong_with_the_store_is_said(mailray: Mailray, own_postgres: Any, store: dict[str, str]) -> None:
    elsewhere = "postgresql://mailray@127.0.0.1:1/postgres"
    for change, exit_code, code in (
        ({"STORE_SECRET": "wrong"}, 69, "MR674"),
        ({"MAILRAY_STORE": elsewhere, "MAILRAY_STORE_CONNECTION_TIMEOUT": "0.2"}, 75, "MR671"),
        ({"MAILRAY_STORE": "postgresql://mailray:secret@127.0.0.1/postgres"}, 2, "MR675"),
    ):
        refused = mailray("suppress", "list", env={**store, **change})
        assert (refused.code, code in refused.err) == (exit_code, True), refused.err
        assert "Traceback" not in refused.err
    no_replica = {"MAILRAY_STORE_REPLICAS": f'["{own_postgres.url}"]'}
    found = mailray("doctor", "--json", env={**store, **no_replica}).json["findings"]
    assert [each["ok"] for each in found if each["name"] == "store"] == [False]
