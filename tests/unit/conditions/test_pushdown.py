"""What of a condition is left to a file's reader."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from engine.conditions import split

SCHEMA = pa.schema(
    {
        "age": pa.int8(),
        "word": pa.string(),
        "flag": pa.bool_(),
        "born": pa.date32(),
        "score": pa.float64(),
        "count": pa.uint64(),
    }
)
TABLE = pa.table(
    {
        "age": [1, 2, None, -3],
        "word": ["a", "b", None, "a"],
        "flag": [True, False, None, True],
        "born": [date(2020, 1, 1), date(2021, 1, 1), None, date(1999, 12, 31)],
        "score": [1.0, float("nan"), None, 2.0],
        "count": [1, 2, None, 3],
    },
    schema=SCHEMA,
)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("age > 1", [1]),
        ("1 < age", [1]),
        ("age >= -3 AND age <> 2", [0, 3]),
        ("NOT (age > 1 OR word = 'b')", [0, 3]),
        ("NOT (age > 1 AND word = 'b')", [0, 3]),
        ("NOT age IN (1, 2)", [3]),
        ("word IN ('a', 'c')", [0, 3]),
        ("age NOT BETWEEN 1 AND 5", [3]),
        ("age BETWEEN 1 AND 5", [0, 1]),
        ("flag", [0, 3]),
        ("NOT flag", [1]),
        ("flag = FALSE", [1]),
        ("word IS NULL", [2]),
        ("word IS NOT NULL AND NOT flag IS NULL", [0, 1, 3]),
        ("born >= DATE '2020-01-01'", [0, 1]),
        ("born < '2020-01-01'", [3]),
        ("(age = 1 OR (word = 'b'))", [0, 1]),
        ("count > 1", [1, 3]),
    ],
)
def test_what_is_pushed_down_whole(condition: str, rows: list[int]) -> None:
    pushdown = split(condition, SCHEMA)
    assert pushdown.rest is None and pushdown.filter is not None
    kept = TABLE.append_column("row", pa.array(range(4))).filter(pushdown.filter)
    assert kept["row"].to_pylist() == rows


@pytest.mark.parametrize(
    "condition",
    [
        "score > 1",  # NaN
        "age > 1.5",
        "age > 1000",  # no int8
        "count > -1",
        "age = '1'",
        "word > 1 + 1",
        "lower(word) = 'a'",
        "word LIKE 'a%'",
        "word = NULL",
        "age IN (1, NULL)",
        "age = count",
        "born > current_date",
        "born > '2020-1-1'",
        "flag IS TRUE",
        "NOT (age = 1 OR score > 1)",
        "TRUE",
    ],
)
def test_what_stays(condition: str) -> None:
    pushdown = split(condition, SCHEMA)
    assert pushdown.filter is None
    assert pushdown.rest == condition


def test_a_conjunction_is_split() -> None:
    pushdown = split("age > 1 AND (lower(word) = 'b' OR age < 0) AND (flag IS NULL OR NOT flag)", SCHEMA)
    assert pushdown.rest == "(LOWER(word) = 'b' OR age < 0)" or pushdown.rest == "((LOWER(word) = 'b' OR age < 0))"
    assert TABLE.filter(pushdown.filter)["age"].to_pylist() == [2]
