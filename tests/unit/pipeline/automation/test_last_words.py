"""What an execution writes and overwrites at one instant is written once."""

from __future__ import annotations

import json

import pyarrow as pa

from engine.pipeline.automation.last_words import last_words
from engine.workflow.executions import EFFECTS


def effects(*rows: tuple[str, str, int, dict[str, object]]) -> pa.RecordBatch:
    """Name, kind, instant, payload; the execution is the first letter of the name."""
    made = [
        {
            **{"name": name, "kind": kind, "execution_id": name[0], "workflow": "cart", "user_id": "ann", "step": "s"},
            **{"occurrence": "0", "at": at, "payload": json.dumps(payload)},
        }
        for name, kind, at, payload in rows
    ]
    arrays = [pa.array([row[each.name] for row in made], each.type) for each in EFFECTS]
    return pa.RecordBatch.from_arrays(arrays, schema=EFFECTS)


def left(batch: pa.RecordBatch) -> dict[str, object]:
    return {row["name"]: json.loads(row["payload"]) for row in last_words(batch).to_pylist()}


def test_an_attribute_stays_in_the_last_update_of_an_instant() -> None:
    found = left(
        effects(
            ("x1", "update", 1, {"n": 1, "tier": "a"}),
            ("y1", "update", 1, {"n": 1}),
            ("x2", "update", 1, {"n": 2, "more": None}),
            ("x3", "send", 1, {"n": 9}),
            ("x4", "update", 1, {"n": 3}),
            ("x5", "update", 2, {"n": 4}),
        )
    )
    assert found == {
        **{"x1": {"tier": "a"}, "y1": {"n": 1}, "x2": {"more": None}},
        **{"x3": {"n": 9}, "x4": {"n": 3}, "x5": {"n": 4}},
    }


def test_a_person_enters_the_last_segment_of_a_type() -> None:
    def entry(kind: str, value: str) -> dict[str, object]:
        return {"segment_type": kind, "segment_value": value}

    batch = effects(
        ("x1", "membership", 1, entry("level", "low")),
        ("x2", "membership", 1, entry("mood", "good")),
        ("x3", "membership", 1, entry("level", "high")),
        ("x4", "update", 1, {"level": 1}),
    )
    assert [*left(batch)] == ["x2", "x3", "x4"]


def test_what_overwrites_nothing_is_as_it_was() -> None:
    batch = effects(
        ("x1", "update", 1, {"n": 1}), ("x2", "update", 2, {"n": 1}), ("x3", "call", 1, {}), ("x4", "call", 1, {})
    )
    assert last_words(batch) is batch
    assert last_words(batch.slice(0, 0)).num_rows == 0
