"""What is told of a pool that cannot give a connection, and what becomes of connections that nobody needs."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack
from typing import Any

import pytest

from engine.adapters.stores.pool import STORE, PoolLimits
from engine.adapters.stores.postgres_session import parse_database
from engine.errors import InputError, MailrayError, ServiceError, TryAgainError, UsageError


def told(fault: pytest.ExceptionInfo[MailrayError]) -> str:
    return fault.value.diagnostics[0].code


def test_when_all_connections_are_in_use_it_is_said_in_time(postgres: Any, opened: Any) -> None:
    pool = opened(postgres.url, max_connections=2)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(pool.current())
        pool._limits = PoolLimits(connection_timeout=0.2)
        with pytest.raises(TryAgainError) as raised, pool.current():
            pytest.fail("there is none")
    assert told(raised) == "MR673"
    assert "store_max_connections" in str(raised.value)
    pool._limits = PoolLimits()
    with pool.current() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_whoever_waits_gets_the_next_that_comes_free(postgres: Any, opened: Any) -> None:
    pool = opened(postgres.url, max_connections=1)
    got: list[int] = []

    def wait() -> None:
        with pool.current() as connection:
            got.append(connection.info.backend_pid)

    with pool.current() as connection:
        number = connection.info.backend_pid
        waiting = threading.Thread(target=wait)
        waiting.start()
    waiting.join()
    assert got == [number]


def test_connections_that_nobody_needs_are_closed_down_to_the_least(postgres: Any, opened: Any, until: Any) -> None:
    pool = opened(postgres.url, min_connections=1, max_connections=3, idle_timeout=0.1)
    with ExitStack() as held:
        numbers = [held.enter_context(pool.current()).info.backend_pid for _ in range(3)]
    alive = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)"
    watcher = opened(postgres.url)
    with watcher.current() as connection:
        until(lambda: connection.execute(alive, [numbers]).fetchone() == (1,))
    with pool.current() as connection:
        assert connection.info.backend_pid in numbers


@pytest.mark.parametrize(
    ("url", "password", "kind", "code"),
    [
        ("postgresql://mailray@127.0.0.1:{port}/postgres", "wrong", ServiceError, "MR674"),
        ("postgresql://nobody@127.0.0.1:{port}/postgres", "not-a-secret", ServiceError, "MR674"),
        ("postgresql://mailray@127.0.0.1:{port}/elsewhere", "not-a-secret", ServiceError, "MR674"),
        ("postgresql://mailray@127.0.0.1:1/postgres", "not-a-secret", TryAgainError, "MR671"),
        ("postgresql://mailray@127.0.0.1:1,127.0.0.1:2/postgres", "not-a-secret", TryAgainError, "MR671"),
        ("postgresql://mailray@nowhere.invalid/postgres", "not-a-secret", TryAgainError, "MR671"),
    ],
    ids=["password", "user", "database", "port", "ports", "host"],
)
def test_who_is_refused_or_not_answered_is_told_so(
    postgres: Any, opened: Any, url: str, password: str, kind: type[MailrayError], code: str
) -> None:
    waits = 60.0 if kind is ServiceError else 0.5  # who is refused need not wait
    pool = opened(url.format(port=postgres.port), password=password, connection_timeout=waits)
    with pytest.raises(kind) as raised, pool.current():
        pytest.fail("there is none")
    assert told(raised) == code
    assert password not in str(raised.value)


@pytest.mark.parametrize("url", ["postgresql://mailray:secret@127.0.0.1/x", "postgresql:///x", "x"])
def test_an_address_that_cannot_be_used_is_said_before_it_is(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_database(url, None, STORE)
    assert told(raised) == "MR675"
    assert "secret" not in str(raised.value)


def test_a_fault_of_either_session_is_told_in_our_words_and_changes_nothing(postgres: Any, opened: Any) -> None:
    pool = opened(postgres.url)
    with pool.writing() as connection:
        connection.execute("CREATE TABLE kept (number int)")
    with pytest.raises(InputError) as raised, pool.writing() as connection:
        connection.execute("INSERT INTO kept VALUES (1)")
        connection.execute("SELECT * FROM missing")
    assert told(raised) == "MR672"
    with pytest.raises(InputError) as raised, pool.writing() as connection, connection.arrow.cursor() as cursor:
        cursor.execute("INSERT INTO kept VALUES (2)")
        cursor.execute("SELECT * FROM missing")
    assert (told(raised), "missing" in str(raised.value)) == ("MR672", True)
    with pool.writing() as connection, connection.arrow.cursor() as cursor:
        cursor.execute("SELECT * FROM kept")
        assert cursor.fetchall() == []
        cursor.execute("DROP TABLE kept")


def test_a_session_of_arrow_that_has_died_is_made_anew(postgres: Any, opened: Any) -> None:
    pool = opened(postgres.url, max_connections=1)
    numbers = []
    for _ in range(2):
        with pool.current() as connection, connection.arrow.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            numbers += cursor.fetchone()
        with pool.current() as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 10000)", [numbers[-1]])
    assert numbers[0] != numbers[1]


def test_a_standby_is_not_written(servers: Any, opened: Any, until: Any) -> None:
    pool = opened(servers.standby.url, connection_timeout=0.2)

    def said() -> str:
        with pytest.raises(TryAgainError) as raised, pool.writing():
            pytest.fail("there is none")
        assert told(raised) == "MR671"
        return str(raised.value)

    until(lambda: "as a standby is" in said())


def test_a_server_that_is_silent_is_not_waited_for(
    own_postgres: Any, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.adapters.stores.pool_server.CHECK_SECONDS", 0.2)
    pool = opened(own_postgres.url)
    with pool.current() as connection:
        number = connection.info.backend_pid
    os.kill(number, signal.SIGSTOP)
    try:
        with pool.current() as connection:
            assert connection.info.backend_pid != number
    finally:
        os.kill(number, signal.SIGCONT)
