"""What every format of files must do besides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.adapters.sources import FORMATS, open_files
from engine.errors import InputError, MissingInputError, UsageError

ROWS = 70_000
TABLE = pa.table({"id": pa.array(range(ROWS)), "name": pa.array([f"näme {n}" if n % 5 else None for n in range(ROWS)])})
Write = Callable[[str, pa.Table, Path, str], Path]


def test_rows_come_in_order_file_after_file(format: str, written: Write, tmp_path: Path) -> None:
    for name, start, stop in (("b", 30_000, ROWS), ("a", 0, 30_000)):
        written(format, TABLE.slice(start, stop - start), tmp_path, name)
    source = open_files("*" + FORMATS[format][0], tmp_path)
    assert source.count() == ROWS
    assert [each for batch in source.batches(["id"]) for each in batch.column("id").to_pylist()] == list(range(ROWS))


def test_a_damaged_file_is_an_input_error(format: str, written: Write, tmp_path: Path) -> None:
    path = written(format, TABLE, tmp_path, "a")
    path.write_bytes(b"\xff\xfe\x00\x01" * 50)
    with pytest.raises(InputError) as caught:
        list(open_files(path.name, tmp_path).batches(["id"]))
    assert caught.value.diagnostics[0].code == "MR364"


def test_nothing_there_is_told(format: str, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no file matches"):
        open_files("no*" + FORMATS[format][0], tmp_path)


def test_files_of_other_columns_are_refused(format: str, written: Write, tmp_path: Path) -> None:
    written(format, TABLE, tmp_path, "a")
    written(format, TABLE.rename_columns(["id", "other"]), tmp_path, "b")
    with pytest.raises(InputError) as caught:
        open_files("*" + FORMATS[format][0], tmp_path)
    assert caught.value.diagnostics[0].code == "MR363"


def test_an_unknown_suffix_asks_for_the_format(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.dat")
    with pytest.raises(UsageError, match="not known by its name"):
        open_files("a.dat", tmp_path)
    assert open_files("a.dat", tmp_path, "parquet").count() == ROWS


def test_urls_go_through_pyarrows_file_systems(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    assert open_files(f"file://{tmp_path}/*.parquet", Path("/nowhere")).count() == ROWS
    with pytest.raises(UsageError, match="gopher"):
        open_files("gopher://example.com/a.parquet", tmp_path)
