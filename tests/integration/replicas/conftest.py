"""Two servers, of which one replays the other's log, and pools over them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database

DEADLINE = 60.0


class Servers:
    """A primary and its standby; ``hosts`` names both, as one who does not know which is which."""

    def __init__(self, primary: Any, standby: Any) -> None:
        self.primary, self.standby = primary, standby
        self.primary_at, self.standby_at = (f"127.0.0.1:{each.port}" for each in (primary, standby))

    @property
    def hosts(self) -> str:
        return f"postgresql://mailray@{self.standby_at},{self.primary_at}/postgres"

    @contextmanager
    def on(self, server: Any) -> Iterator[psycopg.Connection[Any]]:
        """A connection of the test's own."""
        with psycopg.connect(server.url, password=server.password, autocommit=True) as connection:
            yield connection

    def replayed(self) -> None:
        """Wait until the standby has what the primary has."""
        with self.on(self.primary) as primary, self.on(self.standby) as standby:
            position = primary.execute("SELECT pg_current_wal_lsn()").fetchone()
            wait_until(
                lambda: standby.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position).fetchone() == (True,)
            )


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def started(server_kind: Any) -> Iterator[Servers]:
    primary = server_kind()
    primary.start()
    standby = server_kind(primary)
    standby.start()
    servers = Servers(primary, standby)
    with servers.on(primary) as connection:
        connection.execute("CREATE TABLE notes (number int PRIMARY KEY)")
    servers.replayed()
    yield servers
    standby.remove()
    primary.remove()


@pytest.fixture(scope="session")
def servers(postgres_kind: Any) -> Iterator[Servers]:
    with started(postgres_kind) as servers:
        yield servers


@pytest.fixture
def own_servers(postgres_kind: Any) -> Iterator[Servers]:
    """A pair whose roles a test may change."""
    with started(postgres_kind) as servers:
        yield servers


Pools = Callable[..., PostgresPool]


@pytest.fixture
def opened() -> Iterator[Pools]:
    """Make a pool of a primary's URL and those of replicas; closed when the test ends."""
    pools: list[PostgresPool] = []

    def opened(
        url: str, *replicas: str, lag: float = 60.0, password: str = "not-a-secret", **limits: Any
    ) -> PostgresPool:
        limits = {"min_connections": 1, "max_connections": 4, "connection_timeout": DEADLINE, **limits}
        primary, *others = (parse_database(each, password, STORE) for each in (url, *replicas))
        pools.append(PostgresPool(primary, others, PoolLimits(**limits), lag))
        return pools[-1]

    yield opened
    for pool in pools:
        pool.close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    return wait_until
