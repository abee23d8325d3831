"""What every store of executions must do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

from engine.workflow.executions import (
    AFTER_EXIT,
    EFFECTS,
    ENTRIES,
    EXECUTIONS,
    HISTORY,
    NEVER,
    EffectKind,
    ExecutionStore,
    execution_id,
)

SECOND = 1_000_000
START = 1_770_000_000 * SECOND
LEASE = 60 * SECOND
KINDS = list(EffectKind)


def entries(*rows: tuple[str, str, int], workflow: str = "cart") -> pa.RecordBatch:
    """Rows of (user, cause, seconds after START)."""
    made = [
        {
            "execution_id": execution_id(workflow, user, cause),
            **{"workflow": workflow, "version": "v1", "user_id": user, "trigger": "event:left", "step": "first"},
            **{"at": START + after * SECOND, "context": '{"cause":"' + cause + '"}'},
        }
        for user, cause, after in rows
    ]
    return batch(made, ENTRIES)


def batch(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([row.get(field.name) for row in rows], field.type) for field in schema], schema=schema
    )


def changed(executions: pa.RecordBatch, **values: Any) -> pa.RecordBatch:
    return batch([{**row, **values} for row in executions.to_pylist()], EXECUTIONS)


def story(executions: pa.RecordBatch, outcome: str = "done") -> pa.RecordBatch:
    """One more row of history for each execution, as a step would tell it."""
    rows = [
        {
            **{"execution_id": row["execution_id"], "move": row["moves"], "at": row["due"], "step": row["step"]},
            **{"type": "send_email", "occurrence": 0, "attempt": 1, "outcome": outcome, "output": "offer"},
            **{"stood_us": 0, "lag_us": 5, "work_us": 1.5},
        }
        for row in executions.to_pylist()
    ]
    return batch(rows, HISTORY)


def effects(executions: pa.RecordBatch, payload: str = '{"template":"offer"}', kind: str = "send") -> pa.RecordBatch:
    rows = [
        {
            **{"name": f"{row['execution_id']}/first/0", "kind": kind, "execution_id": row["execution_id"]},
            **{"workflow": row["workflow"], "user_id": row["user_id"], "step": "first", "at": row["due"]},
            **{"occurrence": row["execution_id"] + ":0", "payload": payload},
        }
        for row in executions.to_pylist()
    ]
    return batch(rows, EFFECTS)


NO_EFFECTS = batch([], EFFECTS)


def users(executions: pa.RecordBatch) -> list[str]:
    return list(executions.column("user_id").to_pylist())


def end(store: ExecutionStore, executions: pa.RecordBatch) -> None:
    """Take executions to their end."""
    now = START + 10_000 * SECOND
    claimed = store.concerned("cart", users(executions), now, now + 1).executions
    ended = changed(claimed, state="done", due=None, ended_at=START + 500 * SECOND, moves=2)
    assert store.save(ended, story(claimed), NO_EFFECTS) == claimed.num_rows


def test_who_enters_is_ready_at_once_and_history_begins(store: ExecutionStore) -> None:
    begun = store.enter(entries(("ann", "e1", 3)), AFTER_EXIT)
    (row,) = begun.to_pylist()
    assert begun.schema.equals(EXECUTIONS)
    assert (row["state"], row["step"], row["occurrence"], row["retry_count"], row["moves"]) == (
        "ready",
        "first",
        0,
        0,
        1,
    )
    assert row["entered_at"] == row["arrived_at"] == row["due"]
    assert (row["claim"], row["seen"]) == (0, 0)
    assert row["context"] == '{"cause":"e1"}'
    assert (row["until"], row["awaits"], row["goal_at"], row["ended_at"], row["error"]) == (None,) * 5
    (told,) = store.history([row["execution_id"]]).to_pylist()
    assert (told["move"], told["outcome"], told["output"], told["step"]) == (0, "entered", "event:left", "first")
    assert store.find([row["execution_id"], "nobody"]).to_pylist() == begun.to_pylist()


def test_the_same_cause_enters_once(store: ExecutionStore) -> None:
    first = store.enter(entries(("ann", "e1", 0)), AFTER_EXIT)
    end(store, first)
    assert store.enter(entries(("ann", "e1", 90)), AFTER_EXIT).num_rows == 0


@pytest.mark.parametrize(("again_after", "ended", "after", "enters"), [
    (NEVER, True, 999, False),
    (AFTER_EXIT, False, 999, False),
    (AFTER_EXIT, True, 499, False),
    (AFTER_EXIT, True, 500, True),
    (1_000 * SECOND, True, 999, False),
    (1_000 * SECOND, True, 1_000, True),
    (1_000 * SECOND, False, 1_000, False),
])  # fmt: skip
def test_reentry(store: ExecutionStore, again_after: int | None, ended: bool, after: int, enters: bool) -> None:
    first = store.enter(entries(("ann", "e1", 0)), again_after)
    if ended:
        end(store, first)
    assert store.enter(entries(("ann", "e2", after)), again_after).num_rows == enters


def test_of_two_entries_in_one_batch_the_earlier_is_begun(store: ExecutionStore) -> None:
    begun = store.enter(entries(("ann", "later", 9), ("bob", "x", 5), ("ann", "earlier", 1)), AFTER_EXIT)
    assert [(row["user_id"], row["context"]) for row in begun.to_pylist()] == [
        ("ann", '{"cause":"earlier"}'),
        ("bob", '{"cause":"x"}'),
    ]


def test_workflows_do_not_hinder_one_another(store: ExecutionStore) -> None:
    store.enter(entries(("ann", "e1", 0)), NEVER)
    assert store.enter(entries(("ann", "e1", 0), workflow="welcome"), NEVER).num_rows == 1


def test_many_at_once_enter_once(store: ExecutionStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        begun = list(pool.map(lambda n: store.enter(entries(("ann", f"e{n}", n)), NEVER).num_rows, range(8)))
    assert sum(begun) == 1


def test_what_is_due_is_claimed_once_the_earliest_first(store: ExecutionStore) -> None:
    store.enter(entries(("ann", "a", 7), ("bob", "b", 3), ("cyd", "c", 5), ("dan", "d", 60)), AFTER_EXIT)
    now = START + 10 * SECOND
    first = store.due(["cart"], now, 2, now + LEASE)
    assert users(first) == ["bob", "cyd"]
    assert first.column("claim").to_pylist() == [1, 1]
    assert users(store.due(["cart"], now, 9, now + LEASE)) == ["ann"]
    assert store.due(["cart"], now, 9, now + LEASE).num_rows == 0


def test_a_lease_that_ran_out_is_anybodys_and_the_late_save_is_left_out(store: ExecutionStore) -> None:
    store.enter(entries(("ann", "a", 0), ("bob", "b", 0)), AFTER_EXIT)
    slow = store.due(["cart"], START, 2, START + LEASE)
    assert store.due(["cart"], START + LEASE - 1, 9, START + 2 * LEASE).num_rows == 0
    quick = store.due(["cart"], START + LEASE, 1, START + 2 * LEASE)
    (theirs,) = quick.column("execution_id").to_pylist()
    late = changed(slow, state="done", due=None, moves=2)
    assert store.save(late, story(slow), effects(slow)) == 1
    assert store.find([theirs]).column("state").to_pylist() == ["ready"]
    assert store.history([theirs]).num_rows == 1
    assert theirs not in store.effects(KINDS, ["cart"], START, 9, START + 1).column("execution_id").to_pylist()
    assert store.save(changed(quick, state="done", due=None, moves=2), story(quick), effects(quick)) == 1
    assert store.history([theirs]).column("outcome").to_pylist() == ["entered", "done"]


def test_what_is_saved_is_what_is_found_and_free_again(store: ExecutionStore) -> None:
    store.enter(entries(("ann", "a", 0)), AFTER_EXIT)
    claimed = store.due(["cart"], START, 1, START + LEASE)
    moved = changed(
        claimed,
        **{"state": "waiting", "step": "pause", "occurrence": 1, "retry_count": 2, "moves": 2, "awaits": "bought"},
        **{"due": START + 30 * SECOND, "until": START + 40 * SECOND, "goal_at": START + 1, "error": "the \u00e9nd"},
        **{"context": '{"a":"\u20ac","b":null}', "arrived_at": START + 7, "seen": 2**40},
    )
    assert store.save(moved, story(claimed), NO_EFFECTS) == 1
    assert store.of_user("ann").to_pylist() == moved.to_pylist()
    told = store.history(claimed.column("execution_id").to_pylist()).to_pylist()[1]
    assert told == story(claimed).to_pylist()[0]
    assert store.due(["cart"], START + 29 * SECOND, 1, START + LEASE).num_rows == 0
    assert store.due(["cart"], START + 30 * SECOND, 1, START + LEASE).column("claim").to_pylist() == [2]


def test_who_awaits_a_reply_is_never_due_but_can_be_concerned(store: ExecutionStore) -> None:
    store.enter(entries(("ann", "a", 0)), AFTER_EXIT)
    claimed = store.due(["cart"], START, 1, START + LEASE)
    store.save(changed(claimed, state="waiting", due=None, awaits="reply", moves=2), story(claimed), NO_EFFECTS)
    assert store.due(["cart"], START + 10_000 * SECOND, 9, START + 20_000 * SECOND).num_rows == 0
    assert users(store.concerned("cart", ["ann"], START, START + LEASE).executions) == ["ann"]


def test_what_is_released_can_be_claimed_at_once(store: ExecutionStore) -> None:
    store.enter(entries(("ann", "a", 0)), AFTER_EXIT)
    claimed = store.due(["cart"], START, 1, START + LEASE)
    store.release(claimed)
    again = store.due(["cart"], START, 1, START + LEASE)
    assert users(again) == ["ann"]
    store.release(claimed)  # of an older claim: the lease is another's
    assert store.due(["cart"], START, 1, START + LEASE).num_rows == 0


def test_what_was_taken_before_an_instant_is_freed(store: ExecutionStore) -> None:
    """Whoever begins anew ends the leases of whoever is gone, and not its own; what those save yet counts if nobody has claimed it."""
    store.enter(entries(("ann", "a", 0), ("bob", "b", 1), ("cyd", "c", 2)), AFTER_EXIT)
    first = store.due(["cart"], START, 1, START + LEASE)
    store.save(changed(first, due=START + 9 * SECOND, moves=2), story(first), effects(first))
    told = store.effects(KINDS, ["cart"], START, 9, START + LEASE)
    gone = store.due(["cart"], START + 1 * SECOND, 1, START + LEASE)
    mine = store.due(["cart"], START + 2 * SECOND, 1, START + LEASE + 1)
    assert (users(gone), users(mine)) == (["bob"], ["cyd"])
    store.free(START + LEASE)
    assert store.effects(KINDS, ["cart"], START, 9, START + 2 * LEASE).equals(told)
    assert store.save(changed(gone, moves=2), story(gone), effects(gone).slice(0, 0)) == 1
    assert users(store.due(["cart"], START + 9 * SECOND, 9, START + 2 * LEASE)) == ["bob", "ann"]
    store.free(START + LEASE)
    assert store.effects(KINDS, ["cart"], START, 9, START + 2 * LEASE).num_rows == 0


def test_who_is_concerned_need_not_be_due(store: ExecutionStore) -> None:
    store.enter(entries(("ann", "a", 50), ("bob", "b", 0), ("cyd", "c", 0)), AFTER_EXIT)
    store.enter(entries(("ann", "a", 50), workflow="welcome"), AFTER_EXIT)
    store.due(["cart"], START, 1, START + LEASE)
    found = store.concerned("cart", ["ann", "bob", "cyd", "ann", "nobody"], START, START + LEASE)
    assert sorted(users(found.executions)) in (["ann", "cyd"], ["ann", "bob"])
    assert {*found.executions.column("workflow").to_pylist()} == {"cart"}
    assert found.busy in (("bob",), ("cyd",))
    assert store.concerned("cart", ["ann"], START + LEASE - 1, START + 2 * LEASE).busy == ("ann",)
    assert users(store.concerned("welcome", ["ann"], START, START + LEASE).executions) == ["ann"]


def test_effects_are_leased_until_they_are_settled(store: ExecutionStore) -> None:
    store.enter(entries(("ann", "a", 1), ("bob", "b", 0)), AFTER_EXIT)
    claimed = store.due(["cart"], START + SECOND, 2, START + LEASE)
    store.save(changed(claimed, state="done", due=None, moves=2), story(claimed), effects(claimed))
    leased = store.effects(KINDS, ["cart"], START, 9, START + LEASE)
    assert leased.to_pylist() == effects(claimed).to_pylist()
    assert store.effects(KINDS, ["cart"], START + LEASE - 1, 9, START + LEASE).num_rows == 0
    first, second = leased.column("name").to_pylist()
    assert store.settle([first, first, "unknown"]) == 1
    assert store.settle([first]) == 0
    assert store.effects(KINDS, ["cart"], START + LEASE, 9, START + 2 * LEASE).column("name").to_pylist() == [second]


def test_an_effect_that_is_known_stays_as_it_is_and_settled(store: ExecutionStore) -> None:
    store.enter(entries(("ann", "a", 0)), AFTER_EXIT)
    claimed = store.due(["cart"], START, 1, START + LEASE)
    store.save(changed(claimed, moves=2), story(claimed), effects(claimed))
    store.settle(store.effects(KINDS, ["cart"], START, 9, START + 1).column("name").to_pylist())
    again = store.due(["cart"], START, 1, START + LEASE)
    store.save(changed(again, moves=3), story(again), effects(again, '{"template":"other"}'))
    assert store.effects(KINDS, ["cart"], START + LEASE, 9, START + LEASE).num_rows == 0


def test_nobody_is_worked_on_before_their_updates_are_applied(store: ExecutionStore) -> None:
    store.enter(entries(("ann", "a", 0)), AFTER_EXIT)
    claimed = store.due(["cart"], START, 1, START + LEASE)
    store.save(changed(claimed, moves=2), story(claimed), effects(claimed, '{"tier":"gold"}', "update"))
    assert store.due(["cart"], START, 1, START + LEASE).num_rows == 0
    assert store.concerned("cart", ["ann"], START, START + LEASE).busy == ("ann",)
    store.settle(store.effects(KINDS, ["cart"], START, 9, START + LEASE).column("name").to_pylist())
    assert store.concerned("cart", ["ann"], START, START + LEASE).busy == ()
    assert store.due(["cart"], START + LEASE, 1, START + 2 * LEASE).num_rows == 1


def test_to_cancel_wins_over_a_claim(store: ExecutionStore) -> None:
    begun = store.enter(entries(("ann", "a", 0), ("bob", "b", 0)), AFTER_EXIT)
    end(store, begun.slice(1))
    claimed = store.due(["cart"], START, 1, START + LEASE)
    names = begun.column("execution_id").to_pylist()
    assert store.cancel([*names, names[0], "unknown"], START + 4) == 1
    assert store.save(changed(claimed, state="done", due=None, moves=2), story(claimed), effects(claimed)) == 0
    (row,) = store.find(names[:1]).to_pylist()
    assert (row["state"], row["due"], row["moves"]) == ("cancelled", None, 2)
    told = store.history(names[:1]).to_pylist()
    assert [(each["move"], each["outcome"], each["stood_us"]) for each in told] == [
        (0, "entered", 0),
        (1, "cancelled", 4),
    ]


def test_only_what_failed_is_retried(store: ExecutionStore) -> None:
    begun = store.enter(entries(("ann", "a", 0), ("bob", "b", 0)), AFTER_EXIT)
    claimed = store.due(["cart"], START, 2, START + LEASE)
    failed = changed(claimed.slice(0, 1), state="failed", due=None, ended_at=START, retry_count=3, error="x", moves=2)
    store.save(failed, story(claimed.slice(0, 1), "failed"), NO_EFFECTS)
    names = begun.column("execution_id").to_pylist()
    assert store.retry(names, START + 9) == 1
    (row,) = store.find([failed.column("execution_id")[0].as_py()]).to_pylist()
    assert (row["state"], row["error"], row["ended_at"]) == ("ready", None, None)
    assert (row["retry_count"], row["moves"], row["occurrence"]) == (0, 3, 1)
    assert store.history([row["execution_id"]]).column("outcome").to_pylist() == ["entered", "failed", "retried"]
    assert store.due(["cart"], START + 9, 9, START + 10).num_rows == 1


def test_lists_and_counts(store: ExecutionStore) -> None:
    begun = store.enter(entries(("ann", "a", 0), ("bob", "b", 0), ("cyd", "c", 0)), AFTER_EXIT)
    store.enter(entries(("ann", "a", 0), workflow="welcome"), AFTER_EXIT)
    end(store, begun.slice(0, 1))
    assert store.counts("cart").to_pylist() == [
        {"version": "v1", "state": "done", "step": "first", "executions": 1},
        {"version": "v1", "state": "ready", "step": "first", "executions": 2},
    ]
    ready = store.of_workflow("cart", ["ready"], "", 9)
    assert ready.column("execution_id").to_pylist() == sorted(ready.column("execution_id").to_pylist())
    first = store.of_workflow("cart", ["ready"], "", 1)
    rest = store.of_workflow("cart", ["ready"], first.column("execution_id")[0].as_py(), 9)
    assert [*first.to_pylist(), *rest.to_pylist()] == ready.to_pylist()
    assert store.of_workflow("cart", ["ready", "done"], "", 9).num_rows == 3


def test_a_definition_is_kept_as_it_was_first_given(store: ExecutionStore) -> None:
    assert store.definition("cart", "v1") is None
    store.define("cart", "v1", '{"steps":[]}')
    store.define("cart", "v1", "another")
    assert store.definition("cart", "v1") == '{"steps":[]}'
    assert store.definition("cart", "v2") is None


def test_the_versions_of_all_workflows_are_known(store: ExecutionStore) -> None:
    assert store.versions().num_rows == 0
    for workflow, version in (("welcome", "v1"), ("cart", "v2"), ("cart", "v1"), ("cart", "v2")):
        store.define(workflow, version, "{}")
    assert [tuple(row.values()) for row in store.versions().to_pylist()] == [
        ("cart", "v1"),
        ("cart", "v2"),
        ("welcome", "v1"),
    ]
