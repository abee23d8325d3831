"""What every kind of source must do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

import engine.adapters.sources
from engine.adapters.sources import SOURCES
from engine.audience.columns import conform, plain_schema
from engine.audience.source import Source
from engine.conditions import ConditionSet

ROWS = 20_000
NOW = datetime(2026, 3, 1, tzinfo=UTC)
TABLE = pa.table(
    {
        "id": pa.array(range(ROWS), pa.int64()),
        "name": pa.array([f"näme {n % 97}" if n % 5 else None for n in range(ROWS)]),
        "amount": pa.array([n / 8 if n % 7 else None for n in range(ROWS)]),
    }
)
CONDITIONS = [
    "id >= 19990",
    "name = 'näme 3' AND amount > 1000.5",
    "name < 'näme 2' OR amount IS NULL",
    "name LIKE 'näme 1%' AND lower(name) <> 'näme 11'",
    "NOT (id BETWEEN 5 AND 19995)",
    "id + 1 = 7",
]
Stored = Callable[[pa.Table], Source]


def rows(source: Source, columns: list[str], filter: object = None) -> pa.Table:
    schema = plain_schema(source.schema, columns)
    return pa.Table.from_batches(conform(source.batches(columns, filter), schema), schema)


def chosen(table: pa.Table, condition: str | None) -> pa.Table:
    if condition is None or not table.num_rows:
        return table
    mask = ConditionSet({"it": condition}, table.schema, NOW, "UTC").evaluate(table.combine_chunks().to_batches()[0])
    return table.filter(pa.array(mask["it"]))


def test_every_kind_is_a_file_here() -> None:
    folder = Path(engine.adapters.sources.__file__).parent
    assert {kind.name for kind in SOURCES} == {"files", "postgresql", "sqlite", "store"}
    assert all((folder / f"{kind.open.__module__.rpartition('.')[2]}.py").is_file() for kind in SOURCES)


def test_rows_come_in_order_and_the_same_at_each_reading(stored: Stored) -> None:
    source = stored(TABLE)
    assert source.count() == ROWS
    first = rows(source, ["id", "name", "amount"])
    for name in TABLE.schema.names:  # CSV has one way to write a null and an empty text
        expected, found = TABLE[name], first[name]
        if pa.types.is_string(found.type):
            expected, found = expected.fill_null(""), found.fill_null("")
        assert found.to_pylist() == expected.to_pylist()
    assert rows(source, ["id", "name", "amount"]).equals(first)


def test_only_the_columns_that_are_asked_for_are_read(stored: Stored) -> None:
    source = stored(TABLE)
    batches = list(source.batches(["amount", "id"]))
    assert {tuple(batch.schema.names) for batch in batches} == {("amount", "id")}
    assert [
        name for name in source.schema.names if name in TABLE.schema.names
    ] == TABLE.schema.names  # a store has more


@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_a_source_does_of_a_condition_and_the_rest_choose_the_same_rows(stored: Stored, condition: str) -> None:
    source = stored(TABLE.slice(0, 3_000) if "1999" not in condition else TABLE)
    pushdown = source.pushdown(condition, NOW, "UTC")
    everything = rows(source, ["id", "name", "amount"])
    found = rows(source, ["id", "name", "amount"], pushdown.filter)
    assert chosen(found, pushdown.rest).equals(chosen(everything, condition))
    assert (pushdown.filter is None) == (pushdown.pushed is None)
    assert pushdown.rest is not None or pushdown.pushed == condition


def test_all_that_is_read_in_a_snapshot_is_counted_in_it(stored: Stored) -> None:
    source = stored(TABLE)
    with source.snapshot():
        assert source.count() == sum(batch.num_rows for batch in source.batches(["id"])) == ROWS
        assert rows(source, ["id"]).num_rows == ROWS


def test_a_reading_may_end_early(stored: Stored) -> None:
    source = stored(TABLE)
    batches = source.batches(["id"])
    assert next(batches).num_rows
    del batches
    assert source.count() == ROWS


def test_its_name_tells_no_secret(stored: Stored) -> None:
    assert "not-a-secret" not in stored(TABLE.slice(0, 1)).name


def test_a_source_without_rows(stored: Stored) -> None:
    source = stored(TABLE.slice(0, 0))
    assert source.count() == 0
    assert list(source.batches(["id", "name"])) == [] or not rows(source, ["id", "name"]).num_rows
