"""What every store of executions must do where there are several workflows, and for whoever drives them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from engine.adapters.stores.executions_postgres import PostgresExecutions
from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.adapters.stores.statements import statement
from engine.workflow.executions import (
    AFTER_EXIT,
    EFFECTS,
    ENTRIES,
    EXECUTIONS,
    HISTORY,
    MEASURED,
    EffectKind,
    ExecutionStore,
    Owner,
    execution_id,
)

START = 1_770_000_000_000_000
LEASE = 60_000_000
WAITING = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
LET_IN = """
INSERT INTO mailray.workflow_executions (
    tenant, execution_id, workflow_id, version, user_id, "trigger", status, step, occurrence, retry_count, moves, claim,
    seen, execution_time, arrived_at, due
)
SELECT
    tenant, 'rival', 'loyalty', version, 'bob', "trigger", status, step, occurrence, retry_count, moves, claim, seen,
    execution_time, arrived_at, due
FROM mailray.workflow_executions
WHERE tenant = %(tenant)s
"""


def batch(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([row.get(field.name) for row in rows], field.type) for field in schema], schema=schema
    )


def enter(
    store: ExecutionStore, workflow: str, *users: str, after: int = 0, cause: str = "e", **rules: Any
) -> list[str]:
    """Gives who has entered."""
    same = {"workflow": workflow, "version": "v1", "trigger": "api", "step": "first", "at": START + after}
    rows = [{**same, "execution_id": execution_id(workflow, user, cause), "user_id": user} for user in users]
    return list(store.enter(batch(rows, ENTRIES), AFTER_EXIT, **rules).column("user_id").to_pylist())


def leave(store: ExecutionStore, workflow: str, *users: str, state: str = "done", kinds: tuple[str, ...] = ()) -> None:
    """Let executions end, with effects of these kinds."""
    claimed = store.concerned(workflow, users, START, START + LEASE).executions.to_pylist()
    ended = [{**row, "state": state, "due": None, "ended_at": START} for row in claimed]
    same = {"step": "first", "occurrence": "0", "at": START, "payload": "{}"}
    done = [
        {**same, "name": f"{workflow}/{row['user_id']}/{kind}", "kind": kind, "workflow": workflow}
        | {"execution_id": row["execution_id"], "user_id": row["user_id"]}
        for row in claimed
        for kind in kinds
    ]
    assert store.save(batch(ended, EXECUTIONS), batch([], HISTORY), batch(done, EFFECTS)) == len(users)


def places(executions: pa.RecordBatch) -> list[tuple[str, str]]:
    return [(row["workflow"], row["user_id"]) for row in executions.to_pylist()]


def test_nobody_enters_while_in_a_workflow_that_excludes_it(store: ExecutionStore) -> None:
    enter(store, "welcome", "ann", "bob")
    enter(store, "loyalty", "cyd")
    leave(store, "welcome", "bob", state="failed")
    others = {"not_while": ["welcome", "loyalty", "cart"]}
    assert enter(store, "cart", "ann", "bob", "cyd", "dan", **others) == ["bob", "dan"]
    leave(store, "welcome", "ann")
    assert enter(store, "cart", "ann", "bob", "cyd", "dan", cause="later", **others) == ["ann"]


def test_who_has_not_come_to_the_end_of_the_others_does_not_enter(store: ExecutionStore) -> None:
    enter(store, "welcome", "ann", "bob", "cyd", "dan")
    enter(store, "loyalty", "ann", "bob")
    leave(store, "welcome", "ann")
    leave(store, "welcome", "bob")
    leave(store, "welcome", "cyd")
    leave(store, "welcome", "dan", state="exited")
    leave(store, "loyalty", "bob")
    assert enter(store, "cart", "ann", "bob", "cyd", "dan", "eve", only_after=["welcome", "loyalty"]) == ["bob"]
    assert enter(store, "cart", "ann", "bob", "cyd", "dan", "eve", only_after=["welcome"]) == ["ann", "cyd"]
    enter(store, "welcome", "cyd", cause="again")  # who is in it once more has been at its end all the same
    assert enter(store, "sale", "ann", "cyd", not_while=["welcome"], only_after=["welcome"]) == ["ann"]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_of_two_that_exclude_each_other_nobody_is_let_into_both(
    open_one: Callable[[str, Path, str], ExecutionStore], tmp_path: Path, kind: str
) -> None:
    tenant, people, start = f"tenant {uuid.uuid4()}", [f"user {n:04d}" for n in range(2_000)], Barrier(2)
    lots = [people[n : n + 400] for n in range(0, len(people), 400)]
    with closing(open_one(kind, tmp_path, tenant)) as one, closing(open_one(kind, tmp_path, tenant)) as other:

        def fill(store: ExecutionStore, workflow: str, rival: str) -> list[str]:
            begun = []
            for some in lots:
                start.wait()
                begun += enter(store, workflow, *some, not_while=[rival])
            return begun

        with ThreadPoolExecutor(2) as pool:
            begun = pool.submit(fill, one, "cart", "sale"), pool.submit(fill, other, "sale", "cart")
            assert sorted(each for some in begun for each in some.result()) == people


def test_whoever_waits_to_let_somebody_in_sees_who_was_let_in_meanwhile(postgres: Any) -> None:
    """Also where the database gives transactions the state of their beginning."""
    tenant, role = f"tenant {uuid.uuid4()}", f"strict_{uuid.uuid4().hex}"
    make = f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{postgres.password}'"
    strict = parse_database(postgres.url.replace(postgres.user, role), postgres.password, STORE)
    with psycopg.connect(postgres.url, password=postgres.password, autocommit=True) as holder:
        holder.execute(make)
        holder.execute(f"ALTER ROLE {role} SET default_transaction_isolation = 'repeatable read'")
        pool = PostgresPool(strict, [], PoolLimits(min_connections=1), lag=0)
        with closing(PostgresExecutions(pool, tenant)) as store, ThreadPoolExecutor(1) as threads:
            enter(store, "cart", "ann")  # the tables are made
            with holder.transaction():
                holder.execute(statement("store_postgres", "lock_entries"), {"tenant": tenant})
                waiting = threads.submit(enter, store, "sale", "ann", "bob", not_while=["cart", "loyalty"])
                while not holder.execute(WAITING).fetchone():
                    assert not waiting.done()
                holder.execute(LET_IN, {"tenant": tenant})
            assert waiting.result() == []


def test_only_what_is_due_in_these_workflows_is_claimed_the_earliest_first(store: ExecutionStore) -> None:
    enter(store, "cart", "ann", after=3)
    enter(store, "cart", "bob", after=5)
    enter(store, "sale", "ann", after=4)
    enter(store, "welcome", "ann", "bob", "cyd", after=1)
    now = START + 9
    assert store.due([], now, 9, now + LEASE).num_rows == 0
    assert places(store.due(["sale", "unknown", "cart"], now, 2, now + LEASE)) == [("cart", "ann"), ("sale", "ann")]
    assert places(store.due(["sale", "cart"], now, 2, now + LEASE)) == [("cart", "bob")]
    assert store.due(["welcome"], now, 9, now + LEASE).num_rows == 3


def test_only_effects_of_these_kinds_and_workflows_are_leased(store: ExecutionStore) -> None:
    enter(store, "cart", "bob", "ann")
    enter(store, "sale", "ann")
    leave(store, "cart", "ann", kinds=("send", "call"))
    leave(store, "cart", "bob", kinds=("send", "update"))
    leave(store, "sale", "ann", kinds=("send",))

    def leased(kinds: list[str], workflows: list[str], most: int = 9) -> list[str]:
        return list(store.effects(kinds, workflows, START, most, START + LEASE).column("name").to_pylist())

    assert leased([], ["cart"]) == leased(["send"], []) == []
    assert leased(["update", "call"], ["sale"]) == []
    assert leased(["send"], ["cart"], 1) == ["cart/ann/send"]
    assert leased(["send", "call"], ["sale", "cart"]) == ["cart/ann/call", "cart/bob/send", "sale/ann/send"]
    assert leased(list(EffectKind), ["sale", "cart"]) == ["cart/bob/update"]


def test_measures_add_up_and_the_most_is_kept(store: ExecutionStore) -> None:
    enter(store, "cart", "ann", "bob")
    ann, bob = (execution_id("cart", user, "e") for user in ("ann", "bob"))
    assert store.measured([ann]).num_rows == 0

    def measure(*rows: tuple[str, float, float, float, float, float]) -> None:
        store.measure(batch([dict(zip(MEASURED.names, row, strict=True)) for row in rows], MEASURED))

    measure((ann, 1.0, 2.0, 0.5, 100.0, 50.0), ("unknown", 1.0, 1.0, 1.0, 1.0, 1.0), (ann, 1.0, 0.0, 0.0, 80.0, 60.0))
    measure((bob, 0.25, 0.0, 0.0, 1.0, 1.0), (ann, 0.5, 0.0, 4.0, 120.0, 40.0))
    found = store.measured(["unknown", bob, ann, ann])
    assert found.schema.equals(MEASURED)
    assert sorted(tuple(row.values()) for row in found.to_pylist()) == sorted(
        [(ann, 2.5, 2.0, 4.5, 120.0, 60.0), (bob, 0.25, 0.0, 0.0, 1.0, 1.0)]
    )
    assert found.column("execution_id").to_pylist() == sorted([ann, bob])


def test_a_mark_is_what_was_last_set(store: ExecutionStore) -> None:
    assert store.mark("intake") is None
    store.set_mark("intake", "17")
    store.set_mark("sweep/\u00e9", '{"cart":"2026-03-01"}')
    store.set_mark("intake", "18")
    assert (store.mark("intake"), store.mark("sweep/\u00e9")) == ("18", '{"cart":"2026-03-01"}')


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_marks_and_measures_are_kept_and_are_a_tenants_own(
    open_one: Callable[[str, Path, str], ExecutionStore], tmp_path: Path, kind: str
) -> None:
    mine, ann = f"tenant {uuid.uuid4()}", execution_id("cart", "ann", "e")
    with closing(open_one(kind, tmp_path, mine)) as first:
        enter(first, "cart", "ann")
        first.measure(batch([dict.fromkeys(MEASURED.names, 1.0) | {"execution_id": ann}], MEASURED))
        first.set_mark("intake", "17")
    with closing(open_one(kind, tmp_path, mine)) as again, closing(open_one(kind, tmp_path, mine + "'s")) as stranger:
        assert (again.mark("intake"), stranger.mark("intake")) == ("17", None)
        assert (again.measured([ann]).num_rows, stranger.measured([ann]).num_rows) == (1, 0)


def test_who_begins_somebody_may_keep_them_and_nobody_comes_in_between(store: ExecutionStore) -> None:
    assert enter(store, "cart", "ann", "bob", lease_until=START + LEASE) == ["ann", "bob"]
    (ann, bob) = store.of_user("ann").to_pylist() + store.of_user("bob").to_pylist()
    assert (ann["claim"], bob["claim"], ann["state"], ann["moves"]) == (1, 1, "ready", 1)
    assert store.due(["cart"], START, 9, START + LEASE).num_rows == 0
    assert store.concerned("cart", ["ann"], START, START + LEASE).busy == ("ann",)
    ended = {**ann, "state": "done", "due": None, "ended_at": START}
    assert store.save(batch([ended], EXECUTIONS), batch([], HISTORY), batch([], EFFECTS)) == 1
    late = store.due(["cart"], START + LEASE, 9, START + 2 * LEASE)
    assert late.column("user_id").to_pylist() == ["bob"]  # whose beginner was silent for too long


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_an_owner_who_is_gone_has_claimed_is_free_and_what_it_saves_is_left_out(
    open_one: Callable[..., ExecutionStore], tmp_path: Path, kind: str
) -> None:
    tenant, living = f"tenant {uuid.uuid4()}", Owner("worker-2")

    def claim(store: ExecutionStore) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
        found = store.concerned("cart", ["ann", "bob", "cyd"], START, START + LEASE)
        return found.executions.sort_by("user_id").to_pylist(), found.busy

    def save(store: ExecutionStore, row: dict[str, Any]) -> int:
        ended = {**row, "state": "done", "due": None, "ended_at": START}
        return store.save(batch([ended], EXECUTIONS), batch([], HISTORY), batch([], EFFECTS))

    with (
        closing(open_one(kind, tmp_path, tenant, Owner("worker-1"))) as lost,
        closing(open_one(kind, tmp_path, tenant, living)) as other,
        closing(open_one(kind, tmp_path, tenant, Owner("worker-3"))) as third,
    ):
        enter(lost, "cart", "ann", lease_until=START + LEASE)
        (ann,) = lost.of_user("ann").to_pylist()
        enter(other, "cart", "bob", "cyd")
        (bob,) = lost.concerned("cart", ["bob"], START, START + LEASE).executions.to_pylist()
        assert other.concerned("cart", ["cyd"], START, START + LEASE).busy == ()
        assert claim(third) == ([], ("ann", "bob", "cyd"))
        living.gone = ["worker-1", "nobody"]
        mine, busy = claim(other)
        assert ([row["user_id"] for row in mine], busy) == (["ann", "bob"], ("cyd",))  # not what it has itself
        assert (save(lost, ann), save(lost, bob), save(other, mine[0])) == (0, 0, 1)
        assert claim(other) == ([], ("bob", "cyd"))
        # It does not know that it is gone, and goes on.
        enter(lost, "cart", "ann", cause="later", after=1, lease_until=START + LEASE)
        late, _ = claim(other)
        assert [row["user_id"] for row in late] == ["ann"]
