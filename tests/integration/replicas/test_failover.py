"""A server that is lost, and another that takes its place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engine.adapters.stores.pool import PostgresPool
from engine.errors import TryAgainError

INSERT = "INSERT INTO notes VALUES (%s)"


def where(pool: PostgresPool) -> str:
    with pool.reading() as connection:
        connection.execute("SELECT 1")
        return connection.server


def test_a_replica_that_is_gone_is_passed_over_and_read_again_when_it_is_back(
    servers: Any, opened: Any, until: Any
) -> None:
    pool = opened(servers.primary.url, servers.standby.url)
    until(lambda: where(pool) == servers.standby_at)
    servers.standby.kill()
    assert where(pool) == where(pool) == servers.primary_at
    servers.standby.start()
    until(lambda: where(pool) == servers.standby_at)


def test_a_connection_that_the_server_has_ended_is_never_given(servers: Any, opened: Any) -> None:
    pool = opened(servers.primary.url)
    with pool.current() as connection, pool.current() as other:
        number, second = (each.info.backend_pid for each in (connection, other))
        with connection.arrow.cursor() as cursor:
            cursor.execute("SELECT 1")
    with servers.on(servers.primary) as killer:
        killer.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
        )
    for _ in range(3):
        with pool.current() as connection:
            assert connection.info.backend_pid not in (number, second)
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_after_the_primary_has_died_the_promoted_standby_is_written(own_servers: Any, opened: Any, until: Any) -> None:
    servers = own_servers
    pool = opened(servers.hosts, servers.standby.url)
    with pool.writing() as connection:
        connection.execute(INSERT, [1])
        assert connection.server == servers.primary_at
    servers.replayed()
    with pytest.raises(TryAgainError) as raised, pool.writing() as connection:
        servers.primary.kill()
        connection.execute(INSERT, [2])
    assert raised.value.diagnostics[0].code == "MR671"

    def write() -> str:
        with pool.writing() as connection:
            connection.execute(INSERT, [3])
            return connection.server

    with ThreadPoolExecutor(1) as executor:
        written = executor.submit(write)
        with servers.on(servers.standby) as standby:
            standby.execute("SELECT pg_promote()")
        assert written.result(60) == servers.standby_at
    with pool.reading() as connection:
        assert connection.server == servers.standby_at  # a server that is no replica any more is read as the primary
        assert connection.execute("SELECT number FROM notes").fetchall() == [(1,), (3,)]
