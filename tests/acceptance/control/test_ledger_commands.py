"""A run's ledger taken out, and looked through."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from engine.assembly.archive import verify_ledger

Mailray = Callable[..., Any]


def sql(run: Path, statement: str) -> None:
    with closing(sqlite3.connect(run / "ledger" / "00000.sqlite")) as connection, connection:
        assert connection.execute(statement).rowcount == 1


def swap_keys(run: Path) -> None:
    path = run / "outbox" / "part-00000.parquet"
    table = pq.read_table(path)
    order = [1, 0, *range(2, len(table))]
    pq.write_table(table.set_column(table.schema.get_field_index("key"), "key", table["key"].take(order)), path)


def rewrite_closed(run: Path) -> None:
    path = run / "ledger" / "part-00000.parquet"
    table = pq.read_table(path)
    codes = pc.add(table["code"], 1).cast(table.schema.field("code").type)
    pq.write_table(table.set_column(table.schema.get_field_index("code"), "code", codes), path)


def cut_closed(run: Path) -> None:
    (run / "ledger" / "part-00000.parquet").write_bytes(b"PAR1")


DAMAGE: dict[str, Callable[[Path], None]] = {
    "entries": lambda run: sql(run, "UPDATE batch SET records = zeroblob(length(records)) WHERE number = 1"),
    "entries less": lambda run: sql(run, "DELETE FROM batch WHERE number = (SELECT max(number) FROM batch)"),
    "a key": lambda run: sql(run, "UPDATE plan SET keys = zeroblob(length(keys))"),
    "the outbox": swap_keys,
    "a closed partition": rewrite_closed,
    "a closed partition's end": cut_closed,
}


@pytest.fixture
def run(mailray: Mailray, campaign: Path, tmp_path: Path) -> Path:
    assert mailray("run", campaign, "--runner", "inline", "--run-dir", "one").code == 0
    return tmp_path / "one"


def test_an_ended_run_is_exported_and_verified(mailray: Mailray, run: Path, tmp_path: Path) -> None:
    messages = mailray("status", run, "--json").json["plan"]["messages"]
    verified = mailray("ledger", "verify", run, "--json")
    assert verified.code == 0
    assert verified.json | {"run": ""} == {
        "run": "", "verified": True, "messages": messages, "ended": messages, "open": 0, "unknown": 0, "differences": []
    }  # fmt: skip
    assert mailray("ledger", "export", run, tmp_path / "out.parquet", "--json").json["messages"] == messages
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names[:5] == ["partition", "index", "key", "step", "state"]
    assert (len(table), set(table["state"].to_pylist())) == (messages, {"accepted"})
    closed = pq.read_table(run / "ledger" / "part-00000.parquet")
    assert closed.equals(table.drop_columns(["partition", "step"]))


def test_what_differs_is_told(mailray: Mailray, run: Path, tmp_path: Path) -> None:
    for number, (what, damage) in enumerate(DAMAGE.items()):
        copy = tmp_path / f"copy {number}"
        shutil.copytree(run, copy)
        damage(copy)
        assert len(verify_ledger(copy).differences) == 1, what
    verified = mailray("ledger", "verify", copy)
    assert (verified.code, "partition 0: " in verified.out) == (1, True)


def test_a_run_that_was_only_planned_is_open(mailray: Mailray, campaign: Path, tmp_path: Path) -> None:
    assert mailray("plan", campaign, "--runner", "inline", "--run-dir", "two").code == 0
    verified = mailray("ledger", "verify", "two", "--json").json
    assert verified["open"] == verified["messages"] > 0
    refused = mailray("ledger", "export", "two", "out.parquet")
    assert (refused.code, "MR616" in refused.err) == (73, True)
    assert not (tmp_path / "out.parquet").exists()
