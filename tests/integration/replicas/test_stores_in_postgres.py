"""Suppression and caps in one database: what concurrent commits, other processes and a server that dies must not do to them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from engine.adapters.stores.caps_postgres import PostgresCaps
from engine.adapters.stores.suppression_postgres import PostgresSuppression
from engine.assembly.settings import RunSettings, StoresAt
from engine.assembly.stores import open_caps, open_pool, open_suppression, reached_by_all
from engine.audience.frequency import Cap, Reservation
from engine.audience.suppression import GLOBAL, Suppression, SuppressionReason
from engine.errors import InputError

NOW, HOUR, DAY = 1_750_000_000_000_000, 3_600_000_000, 86_400_000_000
ONE_A_DAY = [Cap(1, DAY)]
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"


@pytest.fixture
def tenant() -> str:
    return f"tenant {uuid.uuid4()}"


@pytest.fixture
def suppression(postgres: Any, opened: Any, tenant: str) -> PostgresSuppression:
    return PostgresSuppression(opened(postgres.url), tenant)


def raw(server: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(server.url, password=server.password)


def entry(address: str) -> Suppression:
    return Suppression(address, GLOBAL, SuppressionReason.UNSUBSCRIBED, "test", NOW)


def until_blocked(server: Any, until: Callable[[Callable[[], bool]], None], statement: str) -> None:
    with raw(server) as watcher:
        watcher.autocommit = True
        until(lambda: watcher.execute(BLOCKED, [f"%{statement}%"]).fetchone() == (1,))


def test_a_version_is_not_seen_before_those_that_come_before_it(
    postgres: Any, suppression: PostgresSuppression, tenant: str, until: Any
) -> None:
    suppression.add([entry("first@example.com")])
    before = suppression.version()
    with ThreadPoolExecutor(1) as executor, raw(postgres) as slow:
        slow.execute("UPDATE mailray.suppression_latest SET number = number + 1 WHERE tenant = %s", [tenant])
        slow.execute(
            "UPDATE mailray.suppression SET active = false, version = %s WHERE tenant = %s", [before + 1, tenant]
        )
        written = executor.submit(suppression.add, [entry("second@example.com")])
        until_blocked(postgres, until, "suppression_latest")
        assert (suppression.version(), suppression.changed(before, 9)) == (before, [])
        slow.commit()
        assert written.result(60) == 1
    assert suppression.version() > before + 1
    assert set(suppression.changed(before, 9) or ()) == {"first@example.com", "second@example.com"}
    assert suppression.changed(before + 1, 9) == ["second@example.com"]


def test_a_version_that_was_lost_in_a_failover_is_not_given_again(
    postgres: Any, suppression: PostgresSuppression, tenant: str
) -> None:
    suppression.add([entry("first@example.com")])
    known = suppression.version()
    with raw(postgres) as connection:
        connection.execute("UPDATE mailray.suppression_latest SET number = 1 WHERE tenant = %s", [tenant])
    suppression.add([entry("second@example.com")])
    assert suppression.version() > known
    assert suppression.changed(known, 9) == ["second@example.com"]


def test_no_tenant_sees_anothers(postgres: Any, opened: Any, tenant: str) -> None:
    pool = opened(postgres.url)
    one, other = PostgresSuppression(pool, tenant), PostgresSuppression(pool, tenant + "'s neighbour")
    one.add([entry("ann@example.com")])
    assert other.among(["ann@example.com"], GLOBAL) == set()
    assert ([*other.entries()], [*other.suppressed(GLOBAL)], other.version()) == ([], [], 0)
    assert other.remove(["ann@example.com"], GLOBAL) == 0
    first, second = PostgresCaps(pool, tenant), PostgresCaps(pool, tenant + "'s neighbour")
    wanted = [Reservation(b"k" * 16, b"r" * 16)]
    for each in (first, second):
        assert each.reserve(wanted, ONE_A_DAY, NOW, NOW + HOUR, b"h" * 16) == [True]
    second.settle([(b"k" * 16, None)], b"h" * 16)
    assert (first.held(b"h" * 16), second.held(b"h" * 16)) == ([b"k" * 16], [])
    assert first.allot("sender", 1, 5, 5) == second.allot("sender", 1, 5, 5) == 5


def test_what_no_address_can_be_is_passed_over(suppression: PostgresSuppression) -> None:
    assert suppression.add([entry("a\0b@example.com"), entry("ann@example.com")]) == 1
    assert suppression.among(["a\0b@example.com", "ann@example.com"], GLOBAL) == {"ann@example.com"}
    assert suppression.remove(["a\0b@example.com"], GLOBAL) == 0


def test_tables_of_a_later_version_are_left_alone(own_postgres: Any, opened: Any, tenant: str) -> None:
    PostgresSuppression(opened(own_postgres.url), tenant).version()
    with raw(own_postgres) as connection:
        connection.execute("UPDATE mailray.part SET version = 99")
    with pytest.raises(InputError) as raised:
        PostgresSuppression(opened(own_postgres.url), tenant).version()
    assert raised.value.diagnostics[0].code == "MR672"


def test_two_machines_that_want_the_same_recipients_in_different_order_share_the_places(
    postgres: Any, opened: Any, tenant: str
) -> None:
    recipients = [bytes([number]) * 16 for number in range(50)]
    machines = [PostgresCaps(opened(postgres.url), tenant) for _ in range(2)]

    def run(machine: int, number: int) -> list[tuple[bytes, bool]]:
        order = recipients if machine else recipients[::-1]
        wanted = [Reservation(bytes([machine, number]) + each[:14], each) for each in order]
        granted = machines[machine].reserve(wanted, [Cap(3, DAY)], NOW, NOW + HOUR, bytes([machine]) * 16)
        return [(each.recipient, yes) for each, yes in zip(wanted, granted, strict=True)]

    with ThreadPoolExecutor(4) as executor:
        asked = [executor.submit(run, machine, number) for number in range(5) for machine in range(2)]
        told = [pair for each in asked for pair in each.result(60)]
    assert {each: sum(yes for who, yes in told if who == each) for each in recipients} == dict.fromkeys(recipients, 3)


def test_a_reservation_waits_for_a_server_that_comes_back(own_postgres: Any, opened: Any, tenant: str) -> None:
    caps = PostgresCaps(opened(own_postgres.url), tenant)
    wanted = [Reservation(bytes([number]) * 16, b"r" * 16) for number in range(2)]
    assert caps.reserve(wanted[:1], ONE_A_DAY, NOW, NOW + HOUR, b"h" * 16) == [True]
    own_postgres.kill()
    with ThreadPoolExecutor(1) as executor:
        asked = executor.submit(caps.reserve, wanted, ONE_A_DAY, NOW, NOW + HOUR, b"h" * 16)
        own_postgres.start()
        assert asked.result(60) == [True, False]


def test_what_may_have_been_given_back_is_not_given_back_twice(
    own_postgres: Any, opened: Any, tenant: str, until: Any
) -> None:
    caps = PostgresCaps(opened(own_postgres.url), tenant)
    assert caps.allot("sender", 1, 10, 10) == 10
    holder = raw(own_postgres)
    holder.execute("SELECT * FROM mailray.allowance FOR UPDATE")
    with ThreadPoolExecutor(1) as executor:
        given = executor.submit(caps.give_back, "sender", 1, 4)
        until_blocked(own_postgres, until, "allowance")
        own_postgres.kill()
        given.result(60)  # nobody knows; it is not to be asked for again
        holder.close()
        own_postgres.start()
    assert caps.allot("sender", 1, 10, 10) in (0, 4)


def test_one_process_has_one_pool_which_ends_with_the_last_that_uses_it(postgres: Any, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(postgres.password)
    at = StoresAt(tmp_path, postgres.url, f"file:{tmp_path / 'password'}", min_connections=1)
    suppression, caps = open_suppression(at), open_caps(at)
    pool = open_pool(at)
    pool.close()
    suppression.close()
    assert caps.held(b"h" * 16) == []
    caps.close()
    again = open_pool(at)
    assert again is not pool
    again.close()


@pytest.mark.parametrize(
    ("ledger", "store", "all_nodes"),
    [("null", None, False), ("{}", None, False), ("null", "postgresql://x/y", False), ("{}", "postgresql://x/y", True)],
)
def test_any_node_may_deliver_only_when_nothing_is_in_files(
    tmp_path: Path, ledger: str, store: str | None, all_nodes: bool
) -> None:
    (tmp_path / "manifest.json").write_text(f'{{"format": 1, "ledger": {ledger}}}')
    settings = RunSettings(tmp_path, tmp_path, "rehearsal:", None, None, None, 1, StoresAt(tmp_path, store))  # type: ignore[arg-type]
    assert reached_by_all(settings) is all_nodes
