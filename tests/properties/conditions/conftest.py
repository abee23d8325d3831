"""Rows and conditions of every shape: nulls, NaN, the edges of numbers, hostile text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import strategies as st

SCHEMA = pa.schema(
    {
        "n": pa.int64(),
        "m": pa.int16(),
        "x": pa.float64(),
        "s": pa.string(),
        "t": pa.string(),
        "b": pa.bool_(),
        "d": pa.date32(),
        "i": pa.timestamp("us", "UTC"),
    }
)
TEXTS = st.one_of(
    st.sampled_from(
        ["", "a", "A", "ab", "a'b", "%", "_", "\\", "1", " 1 ", "'; DROP TABLE x; --", "é", "😀", "\n", "null"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6),
)
INTEGERS = st.one_of(st.integers(-3, 3), st.sampled_from([2**63 - 1, -(2**63), 32767, -32768]))
FLOATS = st.one_of(st.sampled_from([0.0, -0.0, 1.5, 1e308, float("nan"), float("inf")]), st.floats())
DATES = st.dates(date(1999, 12, 30), date(2000, 1, 3))
INSTANTS = st.datetimes(datetime(1999, 12, 30), datetime(2000, 1, 3), timezones=st.just(UTC))


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": maybe(INTEGERS),
            "m": maybe(st.integers(-3, 3)),
            "x": maybe(FLOATS),
            "s": maybe(TEXTS),
            "t": maybe(TEXTS),
            "b": maybe(st.booleans()),
            "d": maybe(DATES),
            "i": maybe(INSTANTS),
        }
    ),
    min_size=1,
    max_size=8,
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


WHOLE = st.one_of(st.sampled_from(["n", "m"]), st.integers(-3, 3).map(str), st.just("3000000000"))
NUMBERS = st.recursive(
    st.one_of(WHOLE, st.just("x"), st.sampled_from(["0.5", "1e3"])),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda each: f"({each[0]} {each[1]} {each[2]})"),
        st.tuples(WHOLE, st.sampled_from(["//", "%"]), WHOLE).map(lambda each: f"({each[0]} {each[1]} {each[2]})"),
        inner.map(lambda each: f"abs({each})"),
        inner.map(lambda each: f"coalesce({each}, 0)"),
        st.tuples(inner, inner).map(lambda each: f"greatest({each[0]}, {each[1]})"),
    ),
    max_leaves=3,
)
STRINGS = st.recursive(
    st.one_of(st.sampled_from(["s", "t"]), TEXTS.map(quoted)),
    lambda inner: st.one_of(
        inner.map(lambda each: f"lower({each})"),
        inner.map(lambda each: f"trim({each})"),
        st.tuples(inner, inner).map(lambda each: f"({each[0]} || {each[1]})"),
        st.tuples(inner, st.integers(-2, 3)).map(lambda each: f"substr({each[0]}, {each[1]}, 2)"),
    ),
    max_leaves=3,
)
COMPARED = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
DATE_TEXTS = st.one_of(st.just("d"), DATES.map(lambda each: f"DATE '{each}'"), st.just("current_date"))
INSTANT_TEXTS = st.one_of(
    st.just("i"), st.just("now()"), st.just("now() - INTERVAL 1 DAY"), st.just("i + INTERVAL 2 HOUR")
)


def compared(operands: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(operands, COMPARED, operands).map(" ".join)


ATOMS = st.one_of(
    st.sampled_from(["b", "TRUE", "b IS TRUE", "s IS NULL", "n IS NOT NULL"]),
    compared(NUMBERS),
    compared(STRINGS),
    compared(DATE_TEXTS),
    compared(INSTANT_TEXTS),
    st.tuples(
        st.sampled_from(["n", "m"]),
        st.lists(st.integers(-3, 3), min_size=1, max_size=3),
        st.sampled_from(["IN", "NOT IN"]),
    ).map(lambda each: f"{each[0]} {each[2]} ({', '.join(map(str, each[1]))})"),
    st.tuples(st.sampled_from(["s", "t"]), st.lists(TEXTS.map(quoted), min_size=1, max_size=3)).map(
        lambda each: f"{each[0]} IN ({', '.join(each[1])})"
    ),
    st.tuples(st.sampled_from(["n", "m"]), st.integers(-3, 3), st.integers(-3, 3)).map(
        lambda each: f"{each[0]} BETWEEN {each[1]} AND {each[2]}"
    ),
    st.tuples(
        STRINGS, st.sampled_from(["LIKE", "ILIKE", "NOT LIKE"]), TEXTS.filter(lambda text: "\\" not in text).map(quoted)
    ).map(" ".join),
    st.tuples(STRINGS, STRINGS).map(lambda each: f"contains({each[0]}, {each[1]})"),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda each: f"({each[0]} {each[1]} {each[2]})"),
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(" ".join),
        inner.map(lambda each: f"NOT ({each})"),
        st.tuples(inner, inner, inner).map(lambda each: f"CASE WHEN {each[0]} THEN {each[1]} ELSE {each[2]} END"),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="session")
def schema() -> pa.Schema:
    return SCHEMA


@pytest.fixture(scope="session")
def batches() -> st.SearchStrategy[pa.RecordBatch]:
    return ROWS.map(lambda rows: pa.RecordBatch.from_pylist(rows, schema=SCHEMA))


@pytest.fixture(scope="session")
def conditions() -> st.SearchStrategy[str]:
    return CONDITIONS


@pytest.fixture(scope="session")
def texts() -> st.SearchStrategy[str]:
    return TEXTS


@pytest.fixture(scope="session")
def quote() -> Callable[[str], str]:
    return quoted
