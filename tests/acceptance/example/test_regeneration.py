"""The example's files can be made again from the experiment's."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from examples.prepare_hillstrom import prepare


@pytest.fixture(scope="module")
def remade(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    prepare(example / "hillstrom.csv.gz", folder)
    return folder


def test_the_audience_is_the_stored_one(example: Path, remade: Path) -> None:
    stored, again = (pq.ParquetFile(folder / "audience.parquet") for folder in (example, remade))
    assert again.read().equals(stored.read())
    if stored.metadata.created_by == again.metadata.created_by:  # another release of Arrow may lay bytes out otherwise
        assert (remade / "audience.parquet").read_bytes() == (example / "audience.parquet").read_bytes()


def test_the_suppression_list_is_the_stored_one(example: Path, remade: Path) -> None:
    assert (remade / "suppression.csv").read_bytes() == (example / "suppression.csv").read_bytes()


def test_the_files_stay_small(example: Path) -> None:
    assert (example / "audience.parquet").stat().st_size < 4_000_000
