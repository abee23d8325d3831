"""Larger audiences from the example's distribution."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from benchmarks.make_audience import ROW_GROUP_ROWS, make_audience

ROWS = 150_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audience") / "made.parquet"
    make_audience(ROWS, path)
    return path


def share(mask: pa.ChunkedArray) -> float:
    return pc.mean(pc.fill_null(mask, False).cast(pa.int8())).as_py()


def test_schema_rows_and_row_groups(example: Path, made: Path) -> None:
    file = pq.ParquetFile(made)
    assert file.schema_arrow.equals(pq.read_schema(example / "audience.parquet"))
    assert file.metadata.num_rows == ROWS
    assert [file.metadata.row_group(group).num_rows for group in range(3)] == [
        ROW_GROUP_ROWS,
        ROW_GROUP_ROWS,
        ROWS - 2 * ROW_GROUP_ROWS,
    ]


def test_keys_are_unique_and_addresses_repeat_as_in_the_example(made: Path) -> None:
    table = pq.read_table(made, columns=["customer_id", "email"])
    assert pc.count_distinct(table["customer_id"]).as_py() == ROWS
    whole = pc.ascii_lower(
        table["email"].filter(pc.match_substring_regex(table["email"], r"^[^@ ,]+@[a-z.A-Z]*[a-zA-Z]$"))
    )
    repeats = len(whole) - pc.count_distinct(whole).as_py()
    assert repeats / ROWS == pytest.approx(1 / 500, rel=0.25)


def test_shares_are_the_examples(example: Path, made: Path) -> None:
    columns = ["mens", "newbie", "recency", "history", "subscribed", "email", "loyalty_points"]
    there, here = (pq.read_table(path, columns=columns) for path in (example / "audience.parquet", made))
    for name in ("mens", "newbie", "subscribed"):
        assert share(here[name]) == pytest.approx(share(there[name]), abs=0.01)
    for name in ("recency", "history", "loyalty_points"):
        assert pc.mean(here[name]).as_py() == pytest.approx(pc.mean(there[name]).as_py(), rel=0.02)
    broken = pc.invert(pc.fill_null(pc.match_substring_regex(here["email"], r"^[^@ ,]+@[^@ ,]*[a-zA-Z]$"), False))
    assert share(broken) == pytest.approx(1 / 200, rel=0.2)


def test_the_same_seed_makes_the_same_rows_and_another_one_others(made: Path, tmp_path: Path) -> None:
    make_audience(1_000, tmp_path / "again.parquet")
    make_audience(1_000, tmp_path / "other.parquet", seed=2)
    again, other = (pq.read_table(tmp_path / name) for name in ("again.parquet", "other.parquet"))
    assert again.equals(pq.read_table(made).slice(0, 1_000))
    assert not other.equals(again)
