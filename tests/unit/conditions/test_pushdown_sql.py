"""What of a condition is said to PostgreSQL and SQLite, and what is left here."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from engine.conditions import POSTGRES, SQLITE, Dialect, SqlColumn, split_sql

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
COLUMNS = [
    SqlColumn("id", pa.int64(), exact=True),
    SqlColumn("Name", pa.string(), exact=True, bytewise=True),
    SqlColumn("nick", pa.string(), exact=True),
    SqlColumn("x", pa.float64(), exact=True),
    SqlColumn("b", pa.bool_(), exact=True),
    SqlColumn("d", pa.date32(), exact=True),
    SqlColumn("i", pa.timestamp("us", "UTC"), exact=True),
    SqlColumn("p", pa.decimal128(10, 2), exact=True),
    SqlColumn("long", pa.decimal128(38, 10), exact=True),
    SqlColumn("j", pa.string(), exact=False),
]


def split(condition: str, dialect: Dialect) -> tuple[str | None, str | None]:
    found = split_sql(condition, COLUMNS, dialect, NOW, "Europe/Berlin")
    return found.filter, found.rest


@pytest.mark.parametrize(
    ("condition", "postgres", "sqlite"),
    [
        ("id > 5", "(\"id\" > CAST('5' AS BIGINT))", '("id" > 5)'),
        ("name = 'a''b'", "(\"Name\" = CAST('a''b' AS TEXT))", "(\"Name\" = 'a''b')"),
        ("nick = 'a'", "(\"nick\" COLLATE \"C\" = CAST('a' AS TEXT))", "(\"nick\" COLLATE \"BINARY\" = 'a')"),
        ("Name < 'a'", "(\"Name\" COLLATE \"C\" < CAST('a' AS TEXT))", "(\"Name\" COLLATE \"BINARY\" < 'a')"),
        ("x = 0.5", "(\"x\" = CAST('0.5' AS DOUBLE PRECISION))", '("x" = (CAST(1.0 AS REAL) / 2.0))'),
        ("j IS NULL", '("j" IS NULL)', '("j" IS NULL)'),
        ("d < current_date", "(\"d\" < CAST('2026-03-01' AS DATE))", "(\"d\" < '2026-03-01')"),
        ("name LIKE 'a%'", "(\"Name\" COLLATE \"C\" LIKE 'a%' ESCAPE '')", "(SUBSTR(\"Name\" COLLATE \"BINARY\", 1, 1) = 'a')"),
    ],
)  # fmt: skip
def test_what_both_say(condition: str, postgres: str, sqlite: str) -> None:
    assert split(condition, POSTGRES) == (postgres, None)
    assert split(condition, SQLITE) == (sqlite, None)


@pytest.mark.parametrize(
    ("condition", "postgres"),
    [
        ("i >= now() - INTERVAL 1 DAY", "(\"i\" >= CAST('2026-02-28 09:00:00+00:00' AS TIMESTAMPTZ))"),
        ("i < DATE '2026-03-01'", "(\"i\" < CAST('2026-02-28 23:00:00+00:00' AS TIMESTAMPTZ))"),
        ("p > 12.5", "(\"p\" > CAST('12.50' AS DECIMAL))"),
        ("nick LIKE '%\\_'", "(\"nick\" COLLATE \"C\" LIKE '%\\_' ESCAPE '')"),
    ],
)
def test_what_postgresql_alone_says(condition: str, postgres: str) -> None:
    assert split(condition, POSTGRES) == (postgres, None)
    assert split(condition, SQLITE) == (None, condition)


@pytest.mark.parametrize(
    "condition",
    [
        *("id + 1 > 2", "lower(name) = 'a'", "name ILIKE 'a%'", "length(nick) > 3", "j = 'a'", "id > '5'", "id > 0.5", "p = 1.234"),
        *("long > 1", "id = 9223372036854775808", "date_trunc('month', i) = i", "d = now()", "name = id::VARCHAR", "TRUE", "1 = 1"),
        *("x = id", "nick LIKE name", "id BETWEEN SYMMETRIC 3 AND 1", "abs(x) > 1", "coalesce(name, nick) = 'a'", "d + 1 > d"),
    ],
)  # fmt: skip
def test_what_is_left_here(condition: str) -> None:
    assert split(condition, POSTGRES) == (None, condition)
    assert split(condition, SQLITE) == (None, condition)


def test_a_condition_is_parted_at_its_ands() -> None:
    found = split_sql("id > 5 AND (lower(name) = 'a' AND b) AND NOT b", COLUMNS, SQLITE, NOW, "UTC")
    assert found.filter == '("id" > 5) AND ("b") AND (NOT ("b"))'
    assert (found.pushed, found.rest) == ("(id > 5) AND (b) AND (NOT b)", "(LOWER(name) = 'a')")
