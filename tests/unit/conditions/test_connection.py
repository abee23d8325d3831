"""The database behind conditions can do nothing but compute."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from engine.conditions.connection import connect


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{folder}/in.csv')",
        "SELECT * FROM '{folder}/in.csv'",
        "SELECT * FROM read_text('{folder}/in.csv')",
        "SELECT * FROM glob('{folder}/*')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/out.db'",
        "EXPORT DATABASE '{folder}/out'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET threads = 8",
        "SET temp_directory = '{folder}'",
        "SET TimeZone = 'UTC'",
        "SET lock_configuration = false",
        "RESET memory_limit",
        "SELECT * FROM a_python_variable",
    ],
)
def test_it_refuses(statement: str, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a\n1\n")
    a_python_variable = pa.table({"a": [1]})  # noqa: F841
    before = sorted(tmp_path.iterdir())
    with pytest.raises(duckdb.Error):
        connect("UTC").execute(statement.format(folder=tmp_path)).fetchall()
    assert sorted(tmp_path.iterdir()) == before


def test_it_computes_on_one_thread() -> None:
    settings = connect("Europe/Berlin").sql("SELECT current_setting('threads'), current_setting('TimeZone'), 1 // 0")
    assert settings.fetchall() == [(1, "Europe/Berlin", None)]
