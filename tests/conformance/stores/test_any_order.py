"""Writes in any order, split in any way and repeated, leave what a dictionary of cells would."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.audience.store import Store, Write

USERS, NAMES = ("ann", "bob"), ("a", "b", "email")
COLUMNS = ("email", "first_name")
values = st.one_of(st.none(), st.integers(0, 2), st.just({"x": None}))
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=3)
people = st.dictionaries(st.sampled_from(USERS), objects, min_size=1)
texts = st.dictionaries(st.sampled_from(USERS), st.sampled_from([None, "x", "y"]), min_size=1)
steps = st.one_of(
    st.tuples(st.just("update"), people),
    st.tuples(st.just("replace"), people),
    *(st.tuples(st.just(column), texts) for column in COLUMNS),
)
stories = st.lists(st.tuples(steps, st.integers(0, 4)), min_size=1, max_size=7)


class Cells:
    """Each cell by itself, with the sequence of the latest write that it has seen."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self._sequences: dict[tuple[str, str], int] = {}
        self._replaced: dict[str, int] = {}

    def write(self, what: str, given: dict[str, Any], sequence: int) -> None:
        for user, value in given.items():
            if what != "update":
                self.users.setdefault(user, {})
            if user not in self.users:
                continue
            if what in COLUMNS:
                self._set(user, what, value, sequence)
            else:
                names = [f"attribute {name}" for name in (value if what == "update" else NAMES)]
                for name in names:
                    self._set(user, name, value.get(name.removeprefix("attribute ")), sequence)

    def _set(self, user: str, cell: str, value: Any, sequence: int) -> None:
        if self._sequences.get((user, cell), -1) <= sequence:
            self._sequences[user, cell] = sequence
            self.users[user][cell] = value

    def shown(self, user: str) -> dict[str, Any]:
        return {cell: value for cell, value in self.users[user].items() if value is not None}


def written(store: Store, what: str, given: dict[str, Any], write: Write) -> int:
    attributes = what in ("update", "replace")
    column = "attributes" if attributes else what
    told = [json.dumps(each) if attributes else each for each in given.values()]
    rows = pa.record_batch({"user_id": [*given], column: pa.array(told, pa.string())})
    return store.update_attributes(rows, write) if what == "update" else store.put_users(rows, write)


def shown(row: dict[str, Any]) -> dict[str, Any]:
    cells = {f"attribute {name}": value for name, value in json.loads(row["attributes"]).items()}
    return {**cells, **{column: row[column] for column in COLUMNS if row[column] is not None}}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(stories)
def test_any_order_of_writes_leaves_the_latest_of_each_cell(open_store: Callable[[str], Store], story: Any) -> None:
    store, cells = open_store(f"tenant {uuid.uuid4()}"), Cells()
    before: dict[str, dict[str, Any]] = {}
    for number, ((what, given_), sequence) in enumerate(story):
        write = Write("run", "step", str(number), sequence)
        cells.write(what, given_, sequence)
        now = {user: cells.shown(user) for user in cells.users}
        changed = sorted(user for user in now if user not in before or before[user] != now[user])
        version = store.version()
        assert written(store, what, given_, write) == len(changed)
        assert sorted(store.changed(version, 9) or ()) == changed
        assert written(store, what, given_, write) == 0
        before = now
    found = {row["user_id"]: shown(row) for row in store.users(pa.array(USERS)).to_pylist()}
    assert found == before
    store.close()
