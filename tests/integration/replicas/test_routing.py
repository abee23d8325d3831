"""Which of two servers answers."""

from __future__ import annotations

from typing import Any

from engine.adapters.stores.pool import PostgresPool

INSERT = "INSERT INTO notes VALUES (%s)"


def where(pool: PostgresPool, after: int = 0) -> str:
    with pool.reading(after) as connection:
        connection.execute("SELECT 1")
        return connection.server


def numbers(pool: PostgresPool, after: int = 0) -> tuple[str, set[int]]:
    with pool.reading(after) as connection:
        return connection.server, {number for (number,) in connection.execute("SELECT number FROM notes")}


def write(pool: PostgresPool, number: int) -> None:
    with pool.writing() as connection:
        connection.execute(INSERT, [number])


def replay(servers: Any, how: str) -> None:
    with servers.on(servers.standby) as connection:
        connection.execute(f"SELECT pg_wal_replay_{how}()")


def test_reads_go_to_the_replica_and_writes_to_the_primary(servers: Any, opened: Any, until: Any) -> None:
    pool = opened(servers.primary.url, servers.standby.url)
    write(pool, 1)
    until(lambda: where(pool) == servers.standby_at)
    with pool.writing() as connection:
        assert connection.server == servers.primary_at
    with pool.current() as connection:
        assert connection.server == servers.primary_at
    served = pool.served()
    assert served[servers.primary_at, "write"] == 2
    assert served[servers.standby_at, "read"] == 1
    assert (servers.standby_at, "write") not in served


def test_an_idle_primary_makes_no_lag(servers: Any, opened: Any, until: Any) -> None:
    pool = opened(servers.primary.url, servers.standby.url, lag=0.01)
    late = "SELECT now() - coalesce(pg_last_xact_replay_timestamp(), '-infinity') > interval '1 s'"
    with servers.on(servers.standby) as standby:
        until(lambda: standby.execute(late).fetchone() == (True,))
    until(lambda: where(pool) == servers.standby_at)


def test_a_replica_that_is_behind_is_not_read_until_it_has_caught_up(servers: Any, opened: Any, until: Any) -> None:
    pool = opened(servers.primary.url, servers.standby.url, lag=0.01)
    until(lambda: where(pool) == servers.standby_at)
    replay(servers, "pause")
    with servers.on(servers.primary) as elsewhere:
        elsewhere.execute(INSERT, [20])
    until(lambda: where(pool) == servers.primary_at)
    assert where(pool) == where(pool) == servers.primary_at
    replay(servers, "resume")
    until(lambda: numbers(pool) == (servers.standby_at, numbers(pool)[1] | {20}))


def test_whoever_has_written_reads_it_wherever_it_is_read(servers: Any, opened: Any, until: Any) -> None:
    pool, elsewhere = (opened(servers.primary.url, servers.standby.url) for _ in range(2))
    until(lambda: where(pool) == where(elsewhere) == servers.standby_at)
    replay(servers, "pause")
    write(pool, 30)
    at, found = numbers(pool)
    assert (at, 30 in found) == (servers.primary_at, True)
    until(lambda: where(elsewhere) == servers.standby_at)  # within its minute, and it has written nothing
    at, found = numbers(elsewhere, pool.position())
    assert (at, 30 in found) == (servers.primary_at, True)
    replay(servers, "resume")
    until(lambda: where(pool) == servers.standby_at)
    assert 30 in numbers(pool)[1]


def test_a_batch_written_by_arrow_is_read_by_arrow(servers: Any, opened: Any) -> None:
    pool = opened(servers.primary.url, servers.standby.url)
    with pool.writing() as connection, connection.arrow.cursor() as cursor:
        cursor.execute("INSERT INTO notes SELECT generate_series(4000, 4999)")
    with pool.reading() as connection, connection.arrow.cursor() as cursor:
        cursor.execute("SELECT number FROM notes WHERE number BETWEEN 4000 AND 4999")
        assert cursor.fetch_arrow_table().num_rows == 1_000


def test_both_sessions_of_a_connection_are_with_one_server(servers: Any, opened: Any, until: Any) -> None:
    pool = opened(servers.hosts, servers.standby.url)

    def ports() -> set[int]:
        with pool.reading() as connection, connection.arrow.cursor() as cursor:
            cursor.execute("SELECT inet_server_port()")
            return {connection.info.port, *cursor.fetchone()}

    until(lambda: ports() == {servers.standby.port})
    with pool.current() as connection, connection.arrow.cursor() as cursor:
        cursor.execute("SELECT inet_server_port()")
        assert cursor.fetchone() == (servers.primary.port,)
