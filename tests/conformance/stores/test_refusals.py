"""What no store keeps: the same in all, said before anything is written."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from engine.audience.store import INSTANT, LONGEST_JSON, LONGEST_TEXT, Store, Write
from engine.errors import InputError

WRITE = Write("run", "step", "key", 1)
NAIVE = pa.array([1], pa.timestamp("us"))
TORN = pa.StringArray.from_buffers(1, pa.array([0, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xed\xa0"))
ANN = {"user_id": ["ann"]}
EVENT = {**ANN, "event_id": ["1"], "event_type": ["opened"], "event_time": pa.array([1], INSTANT)}
MEMBER = {**ANN, "segment_type": ["t"], "segment_value": ["v"], "active": [True], "created_at": pa.array([1], INSTANT)}
FAR = pa.array([2**62], INSTANT)


def objects(*texts: str) -> dict[str, Any]:
    return {"user_id": [str(n) for n in range(len(texts))], "attributes": [*texts]}


REFUSED = {
    "a naive instant": ("put_users", {**ANN, "created_at": NAIVE}, "`created_at` is no instant"),
    "a text for an instant": ("put_users", {**ANN, "created_at": ["2026-01-01"]}, "`created_at` is no instant"),
    "an instant far away": (
        "put_users",
        {**ANN, "created_at": FAR},
        "row 1: `created_at` is not in the years 1 to 9999",
    ),
    "a NUL": ("put_users", {"user_id": ["a", "b\0"]}, "row 2: `user_id` holds a NUL"),
    "half a surrogate pair": ("put_users", {"user_id": TORN}, "`user_id` holds what is no string"),
    "a long text": (
        "put_users",
        {**ANN, "email": ["x" * (LONGEST_TEXT + 1)]},
        "row 1: `email` is longer than 512 octets",
    ),
    "nobody": ("put_users", {"user_id": pa.array(["a", None])}, "row 2: `user_id` is empty"),
    "no ids": ("put_users", {"email": ["a@example.com"]}, "the column `user_id` is missing"),
    "a column that is not there": ("put_users", {**ANN, "emial": ["a@example.com"]}, "there is no column `emial`"),
    "a version": ("put_users", {**ANN, "version": [1]}, "there is no column `version`"),
    "numbers for texts": ("put_users", {**ANN, "attributes": pa.array([[1]])}, "`attributes` holds list"),
    "no JSON": ("put_users", objects("{}", "{"), "row 2: `attributes` is no JSON"),
    "a list": ("put_users", objects("{}", "[]"), "row 2: `attributes` is no JSON object"),
    "no JSON laid over": ("update_attributes", objects("{}", '{"a": nil}'), "row 2: `attributes` is no JSON"),
    "no JSON, twice": (
        "update_attributes",
        {"user_id": ["a", "a"], "attributes": ["{}", "{,}"]},
        "row 2: `attributes`",
    ),
    "an escaped NUL": ("update_attributes", objects('{"a": ["\\u0000"]}'), "row 1: `attributes` holds a NUL"),
    "an escaped half": ("put_users", objects('{"\\ud800": 1}'), "row 1: `attributes` holds half a surrogate pair"),
    "an endless number": ("put_users", objects('{"a": 1e400}'), "row 1: `attributes` holds a number beyond all bounds"),
    "a long number": (
        "put_users",
        objects(f'{{"a": 1{"0" * 400}}}'),
        "row 1: `attributes` holds a number beyond all bounds",
    ),
    "no number": ("put_users", objects('{"a": NaN}'), "row 1: `attributes`"),
    "a deep value": ("update_attributes", objects('{"a": ' + "[" * 30_000 + "]" * 30_000 + "}"), "`attributes`"),
    "a long object": (
        "update_attributes",
        objects(json.dumps({"a": "x" * LONGEST_JSON})),
        f"row 1: `attributes` is longer than {LONGEST_JSON} octets",
    ),
    "a membership without an end": (
        "put_memberships",
        {**MEMBER, "active": pa.array([None], pa.bool_())},
        "`active` is empty",
    ),
    "a naive membership": ("put_memberships", {**MEMBER, "created_at": NAIVE}, "`created_at` is no instant"),
    "a membership of nobody": (
        "put_memberships",
        {**MEMBER, "user_id": pa.array([None], pa.string())},
        "`user_id` is empty",
    ),
    "a naive event": ("put_events", {**EVENT, "event_time": NAIVE}, "`event_time` is no instant"),
    "an event without a type": (
        "put_events",
        {**EVENT, "event_type": pa.array([None], pa.string())},
        "`event_type` is empty",
    ),
    "an event with no JSON": ("put_events", {**EVENT, "properties": ['{"a"}']}, "row 1: `properties` is no JSON"),
    "an event with a NUL": (
        "put_events",
        {**EVENT, "properties": ['{"a": "\\u0000"}']},
        "row 1: `properties` holds a NUL",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_kept_is_refused_whole_and_named(store: Store, case: str) -> None:
    method, columns, words = REFUSED[case]
    store.put_users(pa.record_batch({"user_id": [str(n) for n in range(3)]}), Write("run", "step", "first", 0))
    version = store.version()
    with pytest.raises(InputError, match="MR676") as told:
        getattr(store, method)(pa.record_batch(columns), *([] if method == "put_events" else [WRITE]))
    assert "MR676" in str(told.value)
    assert words in str(told.value)
    assert (store.version(), store.events(0, 9)[0].num_rows) == (version, 0)
    assert store.put_users(pa.record_batch({"user_id": ["ann"]}), WRITE) == 1  # the name is not used up


@pytest.mark.parametrize("write", [Write("r\0", "s", "k", 1), Write("r", "s", "k" * 600, 1)])
def test_a_name_that_cannot_be_kept_is_refused(store: Store, write: Write) -> None:
    with pytest.raises(InputError, match="MR676"):
        store.put_users(pa.record_batch(ANN), write)


def test_an_instant_of_any_zone_is_the_same_instant(store: Store) -> None:
    columns = {"created_at": pa.array([1_770_000_000], pa.timestamp("s", "Europe/Vienna"))}
    store.put_users(pa.record_batch({**ANN, **columns}), WRITE)
    found = store.users(pa.array(["ann"])).column("created_at").cast(pa.int64()).to_pylist()
    assert found == [1_770_000_000_000_000]


def test_what_is_escaped_is_kept_when_it_is_whole(store: Store) -> None:
    text = '{"a": "\\ud83d\\ude00 \\u00e9 \\\\u0000", "n": 1e3}'
    store.put_users(pa.record_batch({**ANN, "attributes": [text]}), WRITE)
    kept = json.loads(store.users(pa.array(["ann"])).column("attributes")[0].as_py())
    assert kept == {"a": "\U0001f600 \u00e9 \\u0000", "n": 1000}
