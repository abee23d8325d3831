"""Whatever is done to executions leaves in every database what it leaves in memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.workflow.executions import EFFECTS, ENTRIES, EXECUTIONS, HISTORY, MEASURED, ExecutionStore, execution_id
from engine.workflow.memory import MemoryExecutions

USERS, WORKFLOWS = ("ann", "bob", "cyd"), ("cart", "welcome")
STEP = 10  # microseconds from one operation to the next

causes = st.integers(0, 3)
entries = st.lists(
    st.tuples(st.sampled_from(WORKFLOWS), st.sampled_from(USERS), causes, st.integers(0, 60)), min_size=1, max_size=4
)


def some(names: Sequence[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), max_size=3)


rules = st.fixed_dictionaries({"not_while": some(WORKFLOWS), "only_after": some(WORKFLOWS)})
operations = st.one_of(
    st.tuples(st.just("enter"), entries, st.sampled_from([None, 0, 25])),
    st.tuples(st.just("enter_by_rules"), entries, rules),
    st.tuples(st.just("due"), st.tuples(st.integers(1, 3), some(WORKFLOWS)), st.sampled_from([0, 25])),
    st.tuples(st.just("concerned"), st.tuples(st.sampled_from(WORKFLOWS), some(USERS)), st.sampled_from([0, 25])),
    st.tuples(
        st.just("save"), st.sampled_from(["ready", "waiting", "done", "failed"]), st.sampled_from(["send", "update"])
    ),
    st.tuples(st.just("release"), st.none(), st.none()),
    st.tuples(
        st.just("effects"),
        st.tuples(st.integers(1, 3), some(["send", "update"]), some(WORKFLOWS)),
        st.sampled_from([0, 25]),
    ),
    st.tuples(st.just("measure"), entries, st.sampled_from([0.5, 2.0])),
    st.tuples(st.just("mark"), st.sampled_from(["intake", "sweep"]), st.sampled_from(["1", "2", None])),
    st.tuples(st.just("settle"), st.integers(0, 2), st.none()),
    st.tuples(st.just("cancel"), st.sampled_from(WORKFLOWS), st.sampled_from(USERS)),
    st.tuples(st.just("retry"), st.sampled_from(WORKFLOWS), st.sampled_from(USERS)),
)


def batch(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class Hand:
    """Does operations to one store, and keeps what it has claimed and leased."""

    def __init__(self, store: ExecutionStore) -> None:
        self.store = store
        self.claimed = batch([], EXECUTIONS)
        self.names: list[str] = []

    def do(self, operation: tuple[Any, Any, Any], now: int) -> Any:
        name, first, second = operation
        return getattr(self, name)(first, second, now)

    def enter(self, rows: Any, again_after: int | None, now: int) -> Any:
        return self.store.enter(self._entries(rows), again_after).to_pylist()

    def enter_by_rules(self, rows: Any, rules: dict[str, list[str]], now: int) -> Any:
        same = [row for row in rows if row[0] == rows[0][0]]
        return self.store.enter(self._entries(same), 0, **rules).to_pylist()

    def _entries(self, rows: Any) -> pa.RecordBatch:
        made = [
            {
                **{"execution_id": execution_id(workflow, user, str(cause)), "workflow": workflow, "version": "v1"},
                **{"user_id": user, "trigger": "event:x", "step": "first", "at": at, "context": f'{{"cause":{cause}}}'},
            }
            for workflow, user, cause, at in rows
        ]
        return batch(made, ENTRIES)

    def due(self, asked: tuple[int, list[str]], lease: int, now: int) -> Any:
        most, workflows = asked
        self.claimed = self.store.due(workflows, now, most, now + lease)
        return self.claimed.to_pylist()

    def concerned(self, asked: tuple[str, list[str]], lease: int, now: int) -> Any:
        found = self.store.concerned(*asked, now, now + lease)
        self.claimed = found.executions
        return sorted(row["execution_id"] for row in self.claimed.to_pylist()), found.busy

    def save(self, state: str, kind: str, now: int) -> Any:
        rows = self.claimed.to_pylist()
        due, ended = (now + STEP, None) if state in ("ready", "waiting") else (None, now)
        moved = [
            row
            | {
                "state": state,
                "due": due,
                "ended_at": ended,
                "moves": row["moves"] + 1,
                "error": "x" * (kind == "send"),
            }
            for row in rows
        ]
        told = [{**row, "move": row["moves"], "at": now, "attempt": 1, "outcome": "done", **TIMES} for row in rows]
        done = [
            {**row, "name": f"{row['execution_id']}/{row['moves']}/{n}", "kind": kind, "at": now, "payload": "{}"}
            | {"occurrence": "0"}
            for row in rows
            for n in range(2)
        ]
        self.claimed = batch([], EXECUTIONS)
        return self.store.save(batch(moved, EXECUTIONS), batch(told, HISTORY), batch(done, EFFECTS))

    def release(self, _: None, __: None, now: int) -> None:
        self.store.release(self.claimed)

    def effects(self, asked: tuple[int, list[str], list[str]], lease: int, now: int) -> Any:
        most, kinds, workflows = asked
        found = self.store.effects(kinds, workflows, now, most, now + lease)
        self.names = found.column("name").to_pylist()
        return found.to_pylist()

    def settle(self, most: int, _: None, now: int) -> Any:
        return self.store.settle(self.names[:most])

    def measure(self, rows: Any, cost: float, now: int) -> None:
        names = self._entries(rows).column("execution_id").to_pylist()
        costs = [dict(zip(MEASURED.names, (each, cost, 1.0, 0.0, cost, 1.0), strict=True)) for each in names]
        self.store.measure(batch(costs, MEASURED))

    def mark(self, name: str, value: str | None, now: int) -> Any:
        if value is not None:
            self.store.set_mark(name, value)
        return self.store.mark(name)

    def cancel(self, workflow: str, user: str, now: int) -> Any:
        return self.store.cancel(ids(workflow, user), now)

    def retry(self, workflow: str, user: str, now: int) -> Any:
        return self.store.retry(ids(workflow, user), now)

    def all(self) -> Any:
        every = [name for workflow in WORKFLOWS for user in USERS for name in ids(workflow, user)]
        return [
            self.store.find(every).to_pylist(),
            self.store.history(every).to_pylist(),
            self.store.measured(every).to_pylist(),
            *(self.store.of_user(user).to_pylist() for user in USERS),
            *(self.store.counts(workflow).to_pylist() for workflow in WORKFLOWS),
        ]


TIMES = {"stood_us": 1, "lag_us": 2, "work_us": 0.5}


def ids(workflow: str, user: str) -> list[str]:
    return [execution_id(workflow, user, str(cause)) for cause in range(4)]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(story=st.lists(operations, min_size=3, max_size=14))
def test_a_database_does_what_memory_does(
    open_one: Callable[[str, Path, str], ExecutionStore], tmp_path: Path, kind: str, story: Any
) -> None:
    tried, model = Hand(open_one(kind, tmp_path, f"tenant {uuid.uuid4()}")), Hand(MemoryExecutions())
    for number, operation in enumerate(story):
        now = 60 + number * STEP
        assert tried.do(operation, now) == model.do(operation, now)
    assert tried.all() == model.all()
    tried.store.close()
