"""What is pushed down to a database chooses there the rows that it chooses here: real PostgreSQL, SQLite, and the engine."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adapters.sources import Asked, QueryText, open_source
from engine.audience.source import Source
from engine.conditions import ConditionSet
from engine.conditions.parse import locate_in

NOW = datetime(2000, 1, 1, 23, 30, tzinfo=UTC)
ZONE = "Europe/Berlin"
QUERY = "SELECT * FROM rows"
Batches = st.SearchStrategy[pa.RecordBatch]
Texts = st.SearchStrategy[str]
Chosen = Callable[[str], list[int]]
Filled = Callable[[pa.RecordBatch], None]
Store = tuple[Source, Filled, Chosen]

COMPARED = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
OPERANDS = {
    "n": ["n", "m", "coalesce(n, 2)", "-1", "3", "3000000000", "2 + 1"],
    "m": ["m", "n", "1", "-3", "1 + NULL"],
    "x": ["x", "coalesce(x, 0)", "0.1", "1.5", "1e308", "-2", "1/3", "CAST('NaN' AS DOUBLE)", "100000000000000000"],
    "s": ["s", "t", "'a'", "'a''b'", "'é'", "lower('AB')", "coalesce(s, 'a')", "'\\'"],
    "t": ["t", "s", "'A'", "'😀'", "''"],
    "b": ["b", "TRUE", "FALSE", "coalesce(b, FALSE)"],
    "d": ["d", "DATE '2000-01-01'", "current_date", "'1999-12-31'", "coalesce(d, DATE '2000-01-02')"],
    "i": ["i", "now()", "now() - INTERVAL 1 DAY", "DATE '2000-01-01'", "'2000-01-01 00:00:00+01:00'", "TIMESTAMP '2000-01-01 12:00:00'"],
}  # fmt: skip
PATTERNS = ["a%", "%b", "%a%", "_", "a_", "%", "A%", "%é%", "\\%", "a'%", "%%a%%", "ab", "[%", "*%"]
ATOMS = st.one_of(
    st.sampled_from(sorted(OPERANDS)).flatmap(
        lambda name: st.tuples(st.just(name), COMPARED, st.sampled_from(OPERANDS[name])).map(" ".join)
    ),
    st.tuples(
        st.sampled_from(["s", "t"]), st.sampled_from(["LIKE", "NOT LIKE", "ILIKE"]), st.sampled_from(PATTERNS)
    ).map(lambda each: f"{each[0]} {each[1]} '" + each[2].replace("'", "''") + "'"),
    st.sampled_from(
        [
            "b", "b IS TRUE", "b IS NOT FALSE", "s IS NULL", "x IS NOT NULL", "(n > 1) IS TRUE", "n IN (1, 2, NULL)",
            "s NOT IN ('a', 'A')", "t IN ('a', 'é')", "d BETWEEN '1999-12-31' AND '2000-01-01'", "s BETWEEN 'A' AND 'b'",
            "starts_with(s, 'a')", "contains(t, 'A')", "i >= now() - INTERVAL 30 DAY", "x BETWEEN -1 AND 1.5",
            "CASE WHEN b THEN n > 0 WHEN s = 'a' THEN b END", "n = 1 OR n + 1 = 2",
        ]
    ),
)  # fmt: skip
PUSHABLE = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " OR "]), inner).map(lambda each: f"({each[0]}{each[1]}{each[2]})"),
        inner.map(lambda each: f"NOT {each}"),
        inner.map(lambda each: f"NOT ({each})"),
    ),
    max_leaves=5,
)


def opened(url: str, folder: Path, password: str | None = None) -> Source:
    return open_source(Asked(url, folder, "id", query=QueryText(QUERY, locate_in(QUERY)), password=password))


@pytest.fixture(scope="module")
def postgres_rows(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with psycopg.connect(postgres.url, password=postgres.password, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE rows (id int, n int8, m int2, x float8, s text, t varchar, b bool, d date, i timestamptz)"
        )

        def fill(batch: pa.RecordBatch) -> None:
            connection.execute("TRUNCATE rows")
            with connection.cursor() as cursor:
                values = [tuple(row.values()) for row in batch.to_pylist()]
                cursor.executemany("INSERT INTO rows VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", numbered(values))

        def choose(filter: str) -> list[int]:
            found = connection.execute(f"SELECT id FROM ({QUERY}) AS audience WHERE {filter} ORDER BY id")
            return [row[0] for row in found]

        yield opened(postgres.url, tmp_path_factory.mktemp("none"), postgres.password), fill, choose
        connection.execute("DROP TABLE rows")


@pytest.fixture(scope="module")
def sqlite_rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("sqlite")
    connection = sqlite3.connect(folder / "rows.db", isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(
        "CREATE TABLE rows (id INTEGER, n BIGINT, m SMALLINT, x DOUBLE, s TEXT, t TEXT COLLATE NOCASE, b BOOLEAN, d DATE, i TIMESTAMPTZ)"
    )

    def fill(batch: pa.RecordBatch) -> None:
        connection.execute("DELETE FROM rows")
        values = [
            tuple(str(each) if isinstance(each, date) else each for each in row.values()) for row in batch.to_pylist()
        ]
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", numbered(values))

    def choose(filter: str) -> list[int]:
        found = connection.execute(f"SELECT id FROM ({QUERY}) AS audience WHERE {filter} ORDER BY id")
        return [row[0] for row in found]

    yield opened("sqlite:///rows.db", folder), fill, choose
    connection.close()


def numbered(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(number, *row) for number, row in enumerate(rows)]


def without_nan(batch: pa.RecordBatch) -> pa.RecordBatch:
    """SQLite keeps NaN as null."""
    rows = batch.to_pylist()
    for row in rows:
        row["x"] = None if row["x"] is not None and math.isnan(row["x"]) else row["x"]
    return pa.RecordBatch.from_pylist(rows, schema=batch.schema)


@pytest.mark.parametrize("store", ["postgres_rows", "sqlite_rows"])
def test_a_pushed_condition_chooses_the_same_rows(
    request: pytest.FixtureRequest, store: str, batches: Batches, conditions: Texts
) -> None:
    source, fill, choose = request.getfixturevalue(store)
    pushed: Counter[bool] = Counter()

    @settings(max_examples=25, deadline=None)
    @given(batches, st.lists(PUSHABLE, min_size=5, max_size=8), st.lists(conditions, max_size=1))
    def check(batch: pa.RecordBatch, texts: list[str], others: list[str]) -> None:
        rows = batch if store == "postgres_rows" else without_nan(batch)
        fill(rows)
        found = {text: source.pushdown(text, NOW, ZONE) for text in (*texts, *others)}
        pushed.update(each.filter is not None for each in found.values())
        masks = {f"whole {text}": text for text in found}
        masks |= {f"pushed {text}": each.pushed for text, each in found.items() if each.pushed is not None}
        masks |= {f"rest {text}": each.rest for text, each in found.items() if each.rest is not None}
        chosen = ConditionSet(masks, rows.schema, NOW, ZONE).evaluate(rows)
        for text, pushdown in found.items():
            here = chosen.get(f"pushed {text}", True)
            assert (here & chosen.get(f"rest {text}", True)).tolist() == chosen[f"whole {text}"].tolist(), pushdown
            if pushdown.filter is not None:
                assert choose(pushdown.filter) == chosen[f"pushed {text}"].nonzero()[0].tolist(), (text, pushdown)

    check()
    assert pushed[True] > pushed[False]
