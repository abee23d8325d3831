"""Columns to JSON and back: what is written is JSON as Python's own module reads it, and is read as it was; whatever others have written
is read row by row as it is read in a batch."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.workflow.json_columns import objects, read_foreign, read_objects

INSTANT = pa.timestamp("us", "UTC")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "t": (pa.string(), TEXTS),
    "x": (pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    "n": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "b": (pa.bool_(), st.booleans()),
    "i": (INSTANT, st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))),
    'q"': (
        pa.struct([("x", pa.float64()), ("y", pa.string())]),
        st.fixed_dictionaries({"x": st.just(1.5), "y": TEXTS}),
    ),
}
FIELDS = {name: kind for name, (kind, _) in KINDS.items()}
ROW = st.fixed_dictionaries({name: st.none() | values for name, (_, values) in KINDS.items()})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.just("2026-03-01T09:00:00Z"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("txnbi"), inner, max_size=3),
    max_leaves=6,
)
WRITTEN = st.one_of(
    st.none(),
    st.dictionaries(st.sampled_from(["t", "x", "n", "b", "i", "z"]), JSON, max_size=6).map(json.dumps),
    st.sampled_from(
        ["", "{", "[]", "null", "{}\n{}", '{"t":"a","t":"b"}', '{"x":1}\n', " {} ", '{"x":NaN}', '{"i":"2026-03-01"}']
    ),
)


@settings(deadline=None, max_examples=80)
@given(rows=st.lists(ROW, min_size=1, max_size=5), nulls=st.booleans())
def test_what_is_written_is_read_as_it_was(rows: list[dict[str, Any]], nulls: bool) -> None:
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in FIELDS.items()}
    texts = objects(columns, len(rows), nulls=nulls)
    for text, row in zip(texts.to_pylist(), rows, strict=True):
        read = json.loads(text)
        assert list(read) == [name for name in FIELDS if nulls or row[name] is not None]
        assert all(read[name] == row[name] for name in read if name != "i" and not isinstance(row[name], dict))
    for read_columns in (read_objects, read_foreign):
        found = read_columns(texts, FIELDS)
        assert {name: column.to_pylist() for name, column in found.items()} == {
            name: [row[name] for row in rows] for name in FIELDS
        }


@settings(deadline=None, max_examples=80)
@given(texts=st.lists(WRITTEN, min_size=1, max_size=4))
def test_a_batch_is_read_as_each_of_its_rows(texts: list[str | None]) -> None:
    fields = {name: kind for name, kind in FIELDS.items() if len(name) == 1}
    together = read_foreign(pa.array(texts, pa.string()), fields)
    alone = [read_foreign(pa.array([text], pa.string()), fields) for text in texts]
    for name, kind in fields.items():
        assert together[name].type == kind
        assert together[name].to_pylist() == [row[name][0].as_py() for row in alone]


def test_only_values_of_the_right_type_are_taken() -> None:
    text = '{"t":1,"x":"1","n":1.5,"b":1,"i":"2026-03-01T09:00:00","z":{}}'
    assert all(column.null_count == 1 for column in read_foreign(pa.array([text]), FIELDS).values())
    text = '{"t":"a","x":1,"n":2,"b":true,"i":"2026-03-01T10:00:00+01:00"}'
    found = {name: column[0].as_py() for name, column in read_foreign(pa.array([text]), FIELDS).items()}
    assert found == {"t": "a", "x": 1.0, "n": 2, "b": True, "i": datetime(2026, 3, 1, 9, tzinfo=UTC), 'q"': None}


def test_what_a_type_has_no_room_for_is_null() -> None:
    kinds = {
        **{"day": pa.date32(), "price": pa.decimal128(5, 2), "small": pa.int8(), "local": pa.timestamp("us")},
        **{"lines": pa.list_(pa.struct([("sku", pa.string()), ("n", pa.int64())])), "t": pa.string(), "i": INSTANT},
    }
    good = '{"day":"2024-02-29","price":12.5,"small":-3,"local":"2026-03-01T09:00:00","lines":[{"sku":"a","n":1,"z":0},{}]}'
    bad = '{"day":"2023-02-29","price":12.345,"small":300,"local":"2026-03-01T09:00:00Z","lines":{},"t":"\\ud83d"}'
    other = '{"day":5,"price":"1","small":1.0,"local":5,"lines":[5],"i":"0001-01-01T00:00:00+10:00"}'
    rows = pa.table(read_foreign(pa.array([good, bad, other]), kinds)).to_pylist()
    lines = [{"sku": "a", "n": 1}, {"sku": None, "n": None}]
    expected = {"day": date(2024, 2, 29), "price": Decimal("12.50"), "small": -3, "local": datetime(2026, 3, 1, 9)}
    assert rows[0] == {**expected, "lines": lines, "t": None, "i": None}
    assert rows[1] == dict.fromkeys(kinds)
    assert rows[2] == {**dict.fromkeys(kinds), "lines": [None]}
