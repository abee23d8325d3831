"""Values hold what ``to_pylist`` gives, whatever the Arrow type and the slice."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import jinja2
import numpy as np
import pyarrow as pa
import pytest

from engine.templates.columns import from_arrow, from_objects, python_rows, to_objects
from engine.templates.merging import select
from engine.templates.values import Const, Objects, Value, gather

PLAIN = jinja2.Environment()
MOMENT = datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.UTC)
ARRAYS = {
    "text": pa.array(["a", None, "straße", ""]),
    "large text": pa.array(["a", None, "b"], pa.large_string()),
    "coded text": pa.array(["a", None, "b", "a"]).dictionary_encode(),
    "small integers": pa.array([1, None, -3], pa.int8()),
    "large unsigned": pa.array([2**64 - 1, 1, None], pa.uint64()),
    "halves": pa.array([1.5, None, -0.0], pa.float32()),
    "truth": pa.array([True, None, False]),
    "moments": pa.array([MOMENT, None], pa.timestamp("us", tz="Europe/Berlin")),
    "days": pa.array([datetime.date(2024, 1, 1), None]),
    "decimals": pa.array([decimal.Decimal("1.50"), None]),
    "structs": pa.array([{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}]),
    "lists": pa.array([[1, None], None, [], [3]]),
    "fixed lists": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)),
    "nulls": pa.nulls(3),
    "maps": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    "bytes": pa.array([b"a", None]),
}


def rows(value: Value, n: int) -> list[Any]:
    made = to_objects(value, PLAIN, n)
    return [made.values[code] for code in made.codes.tolist()]


@pytest.mark.parametrize("name", ARRAYS)
def test_rows_are_those_of_to_pylist(name: str) -> None:
    array = ARRAYS[name]
    for piece in (array, array.slice(1), array.slice(0, 1), array.slice(len(array))):
        assert rows(from_arrow(piece), len(piece)) == piece.to_pylist()
        assert python_rows(piece) == piece.to_pylist()


@pytest.mark.parametrize("name", ARRAYS)
def test_gathered_and_selected(name: str) -> None:
    array = ARRAYS[name]
    value, wanted = from_arrow(array), array.to_pylist()
    order = np.array([len(array) - 1, 0, 0], np.int32)
    assert rows(gather(value, order), 3) == [wanted[index] for index in order.tolist()]
    mask = np.arange(len(array)) % 2 == 0
    chosen = select(mask, value, Const("other"), PLAIN, len(array))
    assert rows(chosen, len(array)) == [
        each if taken else "other" for each, taken in zip(wanted, mask.tolist(), strict=True)
    ]


def test_equal_objects_of_other_types_stay_apart() -> None:
    made = from_objects([1, 1.0, True], np.arange(3, dtype=np.int32))
    assert isinstance(made, Objects)
    assert [type(each) for each in rows(made, 3)] == [int, float, bool]


def test_zero_keeps_its_sign() -> None:
    assert [str(each) for each in rows(from_arrow(pa.array([0.0, -0.0, 0.0])), 3)] == ["0.0", "-0.0", "0.0"]
