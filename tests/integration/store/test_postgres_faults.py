"""What can befall the database of a store, each with a real server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from engine.adapters.stores import pool_tables
from engine.adapters.stores.pool import PoolLimits
from engine.adapters.stores.statements import statement
from engine.adapters.stores.store_postgres import VERSION
from engine.audience.store import INSTANT, Write
from engine.errors import InputError, TryAgainError

People = Callable[..., pa.RecordBatch]
IMPATIENT = PoolLimits(min_connections=1, connection_timeout=0.3)


def write(key: str) -> Write:
    return Write("run", "step", key, 1)


def execute(server: Any, statement: str) -> None:
    with psycopg.connect(server.url, password=server.password, autocommit=True) as connection:
        connection.execute(statement)


def test_those_who_make_the_tables_at_once_share_them(server: Any, opened: Any, people: People) -> None:
    execute(server, "DROP SCHEMA IF EXISTS mailray CASCADE")

    def work(number: int) -> int:
        with opened("makers") as store:
            changed: int = store.put_users(people(f"user {number}"), write(str(number)))
            return changed

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 4


def test_a_write_goes_on_when_the_database_is_back(server: Any, opened: Any, people: People) -> None:
    with opened("back") as store, ThreadPoolExecutor(1) as pool:
        store.put_users(people("ann"), write("first"))
        server.kill()
        writing = pool.submit(store.put_users, people("bob"), write("second"))
        server.start()
        assert writing.result() == 1
        assert store.users(pa.array(["ann", "bob"])).num_rows == 2


def test_a_database_that_stays_away_is_told(
    server: Any, opened: Any, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_tables, "PATIENCE_SECONDS", 0.1)
    with opened("away", IMPATIENT) as store:
        store.put_users(people("ann"), write("first"))
        server.kill()
        with pytest.raises(TryAgainError, match="MR671"):
            store.put_users(people("bob"), write("second"))
        with pytest.raises(TryAgainError, match="MR671"):
            store.users(pa.array(["ann"]))
        server.start()
    with opened("away") as store:
        assert store.put_users(people("bob"), write("second")) == 1
        assert store.put_users(people("ann"), write("first")) == 0


def test_a_stream_that_breaks_is_told_and_not_begun_again(server: Any, opened: Any) -> None:
    names = pa.array([f"user {n:0500}" for n in range(12_000)])  # more than the sockets hold
    texts, at = pa.array(["active"] * len(names)), pa.array([1] * len(names), INSTANT)
    with opened("stream") as store:
        store.put_users(
            pa.record_batch({"user_id": names, "email": names, "subscription_status": texts, "last_activity": at}),
            write("users"),
        )
        entered = {
            "user_id": names,
            "segment_type": texts,
            "segment_value": names,
            "active": pa.array([True] * len(names)),
        }
        store.put_memberships(pa.record_batch({**entered, "created_at": at}), write("members"))
        found = store.active_members(["active"], 0)
        next(found)
        server.kill()
        server.start()
        with pytest.raises(TryAgainError, match="MR671"):
            list(found)
        assert sum(each.num_rows for each in store.active_members(["active"], 0)) == len(names)


def test_who_is_killed_before_the_commit_has_written_nothing(
    server: Any, opened: Any, people: People, killed_writer: Callable[[str, str, str], None]
) -> None:
    killed_writer("postgres", server.url, server.password)
    with opened("tenant") as store:
        assert store.users(pa.array(["1", "4999"])).num_rows == 0
        assert (store.version(), store.changed(0, 9)) == (0, [])
        assert (
            store.put_users(people("1"), Write("run", "step", "key", 1)) == 1
        )  # after the other's lock has gone with it


def test_older_tables_go_forward_once_whoever_uses_them(server: Any, opened: Any, people: People) -> None:
    execute(server, "DROP SCHEMA IF EXISTS mailray CASCADE")
    execute(server, f"{statement('parts', 'make')} {statement('store_postgres', 'migration_001')}")
    execute(server, "INSERT INTO mailray.part (name, version) VALUES ('store', 1)")

    def work(number: int) -> int:
        with opened("forward") as store:
            changed: int = store.put_users(people(f"user {number}"), write(str(number)))
            return changed

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 4
    execute(server, "SELECT due FROM mailray.workflow_executions")


def test_tables_of_a_newer_mailray_are_refused(server: Any, opened: Any, people: People) -> None:
    with opened("newer") as store:
        store.put_users(people("ann"), write("first"))
    execute(server, f"UPDATE mailray.part SET version = {VERSION + 1} WHERE name = 'store'")
    try:
        with (
            opened("newer") as store,
            pytest.raises(InputError, match=rf"MR672.*newer mailray \(format {VERSION + 1}\)"),
        ):
            store.users(pa.array(["ann"]))
    finally:
        execute(server, f"UPDATE mailray.part SET version = {VERSION} WHERE name = 'store'")


def test_tables_that_are_not_as_they_should_be_are_told(server: Any, opened: Any, people: People) -> None:
    with opened("broken") as store:
        store.put_users(people("ann"), write("first"))
        execute(server, "ALTER TABLE mailray.users RENAME COLUMN email TO address")
        try:
            with pytest.raises(InputError, match=r"MR672.*email"):
                store.users(pa.array(["ann"]))
        finally:
            execute(server, "ALTER TABLE mailray.users RENAME COLUMN address TO email")
