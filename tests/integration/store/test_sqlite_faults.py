"""What can befall the file of a store, each with a real one."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa
import pytest
from filelock import FileLock

from engine.adapters.stores import store_sqlite_file
from engine.adapters.stores.executions_sqlite import SqliteExecutions
from engine.adapters.stores.store_sqlite import VERSION, SqliteStore
from engine.adapters.stores.store_sqlite_file import ArrowSqliteFile
from engine.audience.store import Write
from engine.errors import InputError, TryAgainError

WRITE = Write("run", "step", "key", 1)
People = Callable[..., pa.RecordBatch]

FULL = """
import resource, sys
from pathlib import Path
import pyarrow as pa
from engine.adapters.stores.store_sqlite import SqliteStore
from engine.audience.store import Write
from engine.errors import TryAgainError

store, write = SqliteStore(Path(sys.argv[1]), "tenant"), Write("run", "step", "key", 1)
store.put_users(pa.record_batch({"user_id": ["first"]}), Write("run", "step", "first", 1))
many = pa.record_batch({"user_id": [str(n) for n in range(20_000)]})
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
try:
    store.put_users(many, write)
except TryAgainError as fault:
    print("MR671" in str(fault))
print(store.users(pa.array(["first", "1"])).num_rows)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(store.put_users(many, write))
"""


def in_store(path: Path, *names: str) -> list[str]:
    with closing(SqliteStore(path, "tenant")) as store:
        found: list[str] = store.users(pa.array(names)).column("user_id").to_pylist()
        return found


def test_a_file_that_somebody_else_writes_is_tried_again(
    path: Path, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_sqlite_file, "BUSY_MILLISECONDS", 50)
    with closing(SqliteStore(path, "tenant")) as store:
        store.put_users(people("ann"), WRITE)
        with closing(adbc.connect(f"file:{path}", autocommit=True)) as other:
            with other.cursor() as cursor:
                cursor.execute("BEGIN IMMEDIATE")
            with pytest.raises(TryAgainError, match=r"MR671.*locked"):
                store.put_users(people("bob"), Write("run", "step", "second", 1))
            assert store.users(pa.array(["ann", "bob"])).num_rows == 1  # to read needs no lock
            with other.cursor() as cursor:
                cursor.execute("ROLLBACK")
        assert store.put_users(people("bob"), Write("run", "step", "second", 1)) == 1


def test_writers_take_turns_and_who_waits_too_long_says_so(
    path: Path, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_sqlite_file, "BUSY_MILLISECONDS", 50)
    with closing(SqliteStore(path, "tenant")) as store, closing(SqliteExecutions(path, "tenant")) as executions:
        store.put_users(people("ann"), WRITE)
        with FileLock(f"{path}-turn"):
            with pytest.raises(TryAgainError, match=r"MR671.*another process writes"):
                store.put_users(people("bob"), Write("run", "step", "second", 1))
            # To read is nobody's turn, nor is to find nothing to claim.
            assert store.users(pa.array(["ann", "bob"])).num_rows == 1
            assert executions.due(["cart"], 1, 9, 2).num_rows == 0
            assert executions.concerned("cart", ["ann"], 1, 2).executions.num_rows == 0
            assert executions.effects(["send"], ["cart"], 1, 9, 2).num_rows == 0
        assert store.put_users(people("bob"), Write("run", "step", "second", 1)) == 1


def test_a_disk_that_is_full_leaves_what_was_there_and_is_tried_again(path: Path) -> None:
    command = [sys.executable, "-c", FULL, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": "."})
    assert (told.stdout.split(), told.stderr) == (["True", "1", "20000"], "")


def test_who_is_killed_before_the_commit_has_written_nothing(
    path: Path, people: People, killed_writer: Callable[[str, str, str], None]
) -> None:
    killed_writer("sqlite", str(path), "")
    with closing(SqliteStore(path, "tenant")) as store:
        assert store.users(pa.array(["1", "4999"])).num_rows == 0
        assert (store.version(), store.changed(0, 9)) == (0, [])
        assert store.put_users(people("1"), WRITE) == 1


def test_those_who_make_the_file_at_once_share_one(path: Path, people: People) -> None:
    def work(number: int) -> int:
        with closing(SqliteStore(path, "tenant")) as store:
            return store.put_users(people(f"user {number}"), Write("run", "step", str(number), 1))

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, range(6))) == 6
    assert len(in_store(path, *(f"user {number}" for number in range(6)))) == 6
    assert {each.name for each in path.parent.iterdir()} == {"store.sqlite", "store.sqlite-turn"}


def test_an_older_file_goes_forward_once_whoever_opens_it(path: Path, people: People) -> None:
    with closing(ArrowSqliteFile(path, "store", "store_sqlite", 1)) as older, older.transaction() as statements:
        statements.run(
            "INSERT INTO users (tenant, user_id, attributes, version, name_sequences) VALUES ('tenant', 'ann', '{}', 1, '{}')"
        )

    def work(number: int) -> int:
        with closing(SqliteExecutions(path, "tenant")) as executions:
            executions.define("cart", f"v{number}", "{}")
            return sum(executions.definition("cart", f"v{each}") is not None for each in range(4))

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(work, range(4))) == 4
    assert in_store(path, "ann") == ["ann"]


def test_an_execution_of_an_older_file_is_found_by_its_workflow(path: Path) -> None:
    with closing(ArrowSqliteFile(path, "store", "store_sqlite", 2)) as older, older.transaction() as statements:
        statements.run(
            'INSERT INTO workflow_executions (tenant, execution_id, workflow_id, version, user_id, "trigger", status, step, '
            "occurrence, retry_count, moves, claim, seen, execution_time, arrived_at, due) "
            "VALUES ('tenant', 'x1', 'cart', 'v1', 'ann', 'api', 'ready', 'first', 0, 0, 1, 0, 0, 7, 7, 7)"
        )
    with closing(SqliteExecutions(path, "tenant")) as executions:
        assert executions.due(["sale"], 7, 9, 8).num_rows == 0
        assert executions.due(["cart"], 7, 9, 8).column("user_id").to_pylist() == ["ann"]


def test_a_file_of_a_newer_mailray_is_refused(path: Path) -> None:
    in_store(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(InputError, match=rf"MR672.*newer mailray \(format {VERSION + 1}\)"):
        in_store(path)


@pytest.mark.parametrize("content", [b"", b"no database" * 500])
def test_a_file_that_is_empty_or_none_of_ours_is_damaged(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match="MR672"):
        in_store(path, "ann")
    assert path.read_bytes() == content


def test_pages_that_are_damaged_are_told_as_such(path: Path) -> None:
    with closing(SqliteStore(path, "tenant")) as store:
        store.put_users(pa.record_batch({"user_id": [f"user {n}" for n in range(3_000)]}), WRITE)
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with pytest.raises(InputError, match=r"MR672.*damaged"):
        in_store(path, "user 1", "user 2999")


def test_a_file_that_has_gone_is_not_made_again_under_whoever_has_it_open(path: Path, people: People) -> None:
    with closing(SqliteStore(path, "tenant")) as store:
        store.put_users(people("ann"), WRITE)
        path.unlink()
        with pytest.raises(TryAgainError, match="the file is gone"):
            store.put_users(people("bob"), Write("run", "step", "second", 1))
        assert not path.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TryAgainError, match="MR671"):
        in_store(tmp_path / "file" / "store.sqlite", "ann")
