"""What every format of files must do as a source."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from engine.adapters.sources import FORMATS, open_files
from engine.errors import InputError, MissingInputError, UsageError

ROWS = 70_000
TABLE = pa.table({"id": pa.array(range(ROWS)), "name": pa.array([f"näme {n}" if n % 5 else None for n in range(ROWS)])})
WRITERS = {
    "parquet": lambda table, path: pq.write_table(table, path, row_group_size=9_000),
    "csv": pyarrow.csv.write_csv,
    "arrow": pyarrow.feather.write_feather,
}


def test_every_format_has_a_writer_here() -> None:
    assert WRITERS.keys() == FORMATS.keys()


@pytest.fixture(params=FORMATS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def write(kind: str, table: pa.Table, folder: Path, name: str) -> Path:
    path = folder / (name + FORMATS[kind][0])
    WRITERS[kind](table, path)
    return path


def test_rows_come_in_order_file_after_file(kind: str, tmp_path: Path) -> None:
    for name, start, stop in (("b", 30_000, ROWS), ("a", 0, 30_000)):
        write(kind, TABLE.slice(start, stop - start), tmp_path, name)
    source = open_files("*" + FORMATS[kind][0], tmp_path)
    assert source.count() == ROWS
    assert [each for batch in source.batches(["id"]) for each in batch.column("id").to_pylist()] == list(range(ROWS))


def test_only_what_is_asked_for_is_read(kind: str, tmp_path: Path) -> None:
    write(kind, TABLE, tmp_path, "a")
    source = open_files(f"a{FORMATS[kind][0]}", tmp_path)
    batches = list(source.batches(["name"], pc.field("id") >= ROWS - 3))
    assert {tuple(batch.schema.names) for batch in batches} == {("name",)}
    assert [each for batch in batches for each in batch.column("name").to_pylist()] == TABLE["name"].to_pylist()[-3:]


def test_a_damaged_file_is_an_input_error(kind: str, tmp_path: Path) -> None:
    path = write(kind, TABLE, tmp_path, "a")
    path.write_bytes(b"\xff\xfe\x00\x01" * 50)
    with pytest.raises(InputError) as caught:
        list(open_files(path.name, tmp_path).batches(["id"]))
    assert caught.value.diagnostics[0].code == "MR364"


def test_nothing_there_is_told(kind: str, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no file matches"):
        open_files("no*" + FORMATS[kind][0], tmp_path)


def test_files_of_other_columns_are_refused(kind: str, tmp_path: Path) -> None:
    write(kind, TABLE, tmp_path, "a")
    write(kind, TABLE.rename_columns(["id", "other"]), tmp_path, "b")
    with pytest.raises(InputError) as caught:
        open_files("*" + FORMATS[kind][0], tmp_path)
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
