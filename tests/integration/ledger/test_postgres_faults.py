"""The cluster's ledger when its server, or the way to it, fails."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engine.adapters.stores import postgres_session
from engine.adapters.stores.ledger_postgres import PostgresLedger, PostgresPartition
from engine.adapters.stores.postgres_session import parse_database
from engine.errors import MailrayError, RefusedError, ServiceError, UsageError
from engine.ledger.entries import Entry
from engine.ledger.states import State

NOW = 1_800_000_000_000_000
LEASE = 660_000_000
KEYS = [bytes([row]) * 16 for row in range(5)]
Open = Callable[[str], PostgresPartition]


def code(fault: MailrayError) -> str:
    return fault.diagnostics[0].code


def batch(row: int) -> list[Entry]:
    return [Entry(row, State.INTENT.value, 1, NOW), Entry(row, State.ACCEPTED.value, 1, NOW, code=250)]


@pytest.fixture
def opened(postgres: Any) -> Iterator[Open]:
    """A claimed and planned partition at a URL; closed when the test ends."""
    partitions: list[PostgresPartition] = []

    def opened(url: str) -> PostgresPartition:
        partition = PostgresLedger(parse_database(url, postgres.password), str(uuid.uuid4())).partition(0)
        partitions.append(partition)
        partition.claim("one", NOW, NOW + LEASE)
        partition.plan(KEYS, NOW)
        return partition

    yield opened
    for partition in partitions:
        partition.close()


@pytest.mark.parametrize(
    ("change", "password", "expected"),
    [
        (lambda url: url, "wrong", "MR612"),
        (lambda url: url, None, "MR612"),
        (lambda url: url.replace("mailray@", "nobody@"), "not-a-secret", "MR612"),
        (lambda url: url.replace("/postgres", "/elsewhere"), "not-a-secret", "MR612"),
        (lambda url: "postgresql://mailray@127.0.0.1:1/postgres", "not-a-secret", "MR613"),
    ],
    ids=["password", "no-password", "user", "database", "port"],
)
def test_who_is_refused_or_not_answered_is_told_so(
    postgres: Any, monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str], password: str | None, expected: str
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    with pytest.raises(ServiceError) as raised:
        PostgresLedger(parse_database(change(postgres.url), password), "run").partitions()
    assert code(raised.value) == expected
    assert "not-a-secret" not in str(raised.value)
    assert "wrong" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    ["postgresql://mailray:secret@127.0.0.1/x", "postgresql://127.0.0.1", "postgresql:///x", "postgresql://[", "x"],
)
def test_an_address_that_cannot_be_used_is_said_before_it_is(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_database(url, None)
    assert code(raised.value) == "MR614"
    assert "secret" not in str(raised.value)


def test_tables_of_a_later_version_are_left_alone(own_postgres: Any) -> None:
    database = parse_database(own_postgres.url, own_postgres.password)
    PostgresLedger(database, "run").partitions()
    with postgres_session.psycopg.connect(database.conninfo, password=database.password) as connection:
        connection.execute("UPDATE mailray.format SET version = 99")
    connection.close()
    with pytest.raises(MailrayError) as raised:
        PostgresLedger(database, "run").partitions()
    assert code(raised.value) == "MR607"


def test_a_batch_whose_commit_was_not_heard_of_is_written_once(opened: Open, postgres: Any, way: Any) -> None:
    partition = opened(postgres.url.replace(str(postgres.port), str(way.port)))
    partition.append(batch(0), NOW + LEASE)
    way.cut_after = 1
    partition.append(batch(1), NOW + LEASE)
    assert way.cuts == 1
    partition.append(batch(2), NOW + LEASE)
    standing = partition.replay()
    assert standing.log.row.tolist() == [0, 0, 1, 1, 2, 2]
    assert standing.counts().as_dict() == {"planned": 2, "accepted": 3}


def test_what_was_given_up_and_is_tried_again_is_written_once(
    opened: Open, postgres: Any, way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = opened(postgres.url.replace(str(postgres.port), str(way.port)))
    partition.append(batch(0), NOW + LEASE)
    monkeypatch.setattr(postgres_session, "PATIENCE_SECONDS", 0.3)
    way.cut_after, way.closed = 1, True
    with pytest.raises(ServiceError) as raised:
        partition.append(batch(1), NOW + LEASE)
    assert code(raised.value) == "MR613"
    way.closed = False
    partition.append([*batch(1), *batch(2)], NOW + LEASE)
    assert partition.replay().log.row.tolist() == [0, 0, 1, 1, 2, 2]


def test_a_server_that_was_killed_and_is_back_is_gone_on_with(own_postgres: Any) -> None:
    database = parse_database(own_postgres.url, own_postgres.password)
    partition = PostgresLedger(database, "run").partition(0)
    partition.claim("one", NOW, NOW + LEASE)
    partition.plan(KEYS, NOW)
    partition.append(batch(0), NOW + LEASE)
    own_postgres.kill()
    with ThreadPoolExecutor(1) as executor:
        written = executor.submit(partition.append, batch(1), NOW + LEASE)
        time.sleep(0.5)
        assert not written.done()
        own_postgres.start()
        written.result(30)
    other = PostgresLedger(database, "run").partition(0)
    with pytest.raises(RefusedError):  # the new session shows that the owner lives
        other.claim("two", NOW, NOW + LEASE)
    assert other.replay().counts().as_dict() == {"planned": 3, "accepted": 2}
    other.close()
    partition.close()


def test_a_dead_owner_is_followed_at_once(postgres: Any) -> None:
    run = str(uuid.uuid4())
    program = (
        "import sys, time\n"
        "from engine.adapters.stores.ledger_postgres import PostgresLedger\n"
        "from engine.adapters.stores.postgres_session import parse_database\n"
        f"partition = PostgresLedger(parse_database({postgres.url!r}, {postgres.password!r}), {run!r}).partition(0)\n"
        f"partition.claim('one', {NOW}, {NOW + LEASE})\n"
        "print('claimed', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"claimed\n"
        partition = PostgresLedger(parse_database(postgres.url, postgres.password), run).partition(0)
        with pytest.raises(RefusedError):
            partition.claim("two", NOW, NOW + LEASE)
        owner.kill()
    until = time.monotonic() + 10
    while True:
        try:
            assert partition.claim("two", NOW, NOW + LEASE) == 2
            break
        except RefusedError:
            assert time.monotonic() < until
            time.sleep(0.05)
    partition.close()
