"""A condition means the same on a batch, on each row of it, and in DuckDB's own words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions import ConditionSet, split

NOW = datetime(2000, 1, 1, 23, 30, tzinfo=UTC)
ZONE = "Europe/Berlin"
Batches = st.SearchStrategy[pa.RecordBatch]
Texts = st.SearchStrategy[str]


def mask_of(condition: str, batch: pa.RecordBatch) -> list[bool]:
    mask: list[bool] = ConditionSet({"it": condition}, batch.schema, NOW, ZONE).evaluate(batch)["it"].tolist()
    return mask


def test_a_batch_gives_what_each_row_gives(batches: Batches, conditions: Texts) -> None:
    @settings(max_examples=60, deadline=None)
    @given(batches, st.lists(conditions, min_size=1, max_size=3))
    def check(batch: pa.RecordBatch, texts: list[str]) -> None:
        several = ConditionSet({str(number): text for number, text in enumerate(texts)}, batch.schema, NOW, ZONE)
        whole = several.evaluate(batch)
        rows = [several.evaluate(batch.slice(row, 1)) for row in range(batch.num_rows)]
        for number, text in enumerate(texts):
            assert whole[str(number)].tolist() == [bool(row[str(number)][0]) for row in rows]
            assert whole[str(number)].tolist() == mask_of(text, batch)

    check()


def test_the_order_of_rows_changes_nothing(batches: Batches, conditions: Texts) -> None:
    @settings(max_examples=30, deadline=None)
    @given(batches, conditions, st.randoms(use_true_random=False))
    def check(batch: pa.RecordBatch, condition: str, random: st.DrawFn) -> None:
        order = list(range(batch.num_rows))
        random.shuffle(order)
        expected = np.array(mask_of(condition, batch))[order].tolist()
        assert mask_of(condition, batch.take(pa.array(order))) == expected

    check()


def test_a_condition_is_what_duckdb_makes_of_its_text(batches: Batches, conditions: Texts) -> None:
    """The text that runs is made anew from the checked tree: it must mean what the user wrote."""
    connection = duckdb.connect(config={"threads": 1, "error_on_division_by_zero": "false"})
    connection.execute(f"SET TimeZone = '{ZONE}'")
    connection.execute("SET disabled_optimizers = 'common_subexpressions'")  # a sum that is taken out of a TRY fails

    @settings(max_examples=100, deadline=None)
    @given(batches, conditions)
    def check(batch: pa.RecordBatch, condition: str) -> None:
        written = condition.replace("now()", "TIMESTAMPTZ '2000-01-01 23:30:00+00:00'")
        written = written.replace("current_date", "DATE '2000-01-02'")
        connection.register("batch", batch)
        found = connection.execute(f"SELECT coalesce(TRY({written}), false) FROM batch").fetchall()
        assert mask_of(condition, batch) == [row[0] for row in found]

    check()


def test_what_is_pushed_down_and_the_rest_choose_the_same_rows(batches: Batches, conditions: Texts) -> None:
    pushed = 0

    @settings(max_examples=120, deadline=None)
    @given(batches, conditions)
    def check(batch: pa.RecordBatch, condition: str) -> None:
        nonlocal pushed
        expected = [row for row, is_chosen in enumerate(mask_of(condition, batch)) if is_chosen]
        numbered = pa.Table.from_batches([batch]).append_column("row", pa.array(range(batch.num_rows), pa.int64()))
        pushdown = split(condition, batch.schema)
        pushed += pushdown.filter is not None
        kept = ds.dataset(numbered).to_table(filter=pushdown.filter) if pushdown.filter is not None else numbered
        rows = kept["row"].to_pylist()
        if pushdown.rest is not None and rows:
            mask = mask_of(pushdown.rest, kept.drop_columns("row").combine_chunks().to_batches()[0])
            rows = [row for row, is_chosen in zip(rows, mask, strict=True) if is_chosen]
        assert rows == expected

    check()
    assert pushed > 10


def test_text_in_a_literal_is_only_text(texts: Texts, quote: Callable[[str], str]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(texts, min_size=1, max_size=5), texts)
    def check(values: list[str], wanted: str) -> None:
        batch = pa.RecordBatch.from_pydict({"s": pa.array(values)})
        texts = {"same": f"s = {quote(wanted)}", "one": f"s IN ('other', {quote(wanted)})"}
        masks = ConditionSet(texts, batch.schema, NOW, ZONE).evaluate(batch)
        assert masks["same"].tolist() == [value == wanted for value in values]
        assert masks["one"].tolist() == [value in (wanted, "other") for value in values]

    check()


@pytest.mark.parametrize("moment", [datetime(1999, 12, 31, 23, tzinfo=UTC), datetime(2000, 6, 1, tzinfo=UTC)])
def test_the_clock_is_the_runs(moment: datetime) -> None:
    batch = pa.RecordBatch.from_pydict({"i": pa.array([moment], pa.timestamp("us", "UTC"))})
    conditions = ConditionSet({"it": "i = now() AND i = current_timestamp"}, batch.schema, moment, ZONE)
    assert conditions.evaluate(batch)["it"].tolist() == [True]
