"""Reading SQLite: what its types are here, order, one snapshot, and values that do not fit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from engine.audience.source import Source
from engine.errors import CampaignError, InputError, MissingInputError, TryAgainError

Execute = Callable[[str], None]
Opened = Callable[..., Source]
Read = Callable[..., pa.Table]


def test_declared_types(in_file: Execute, from_file: Opened, table: Read) -> None:
    in_file(
        """
        CREATE TABLE people (
            id INTEGER PRIMARY KEY, b BOOLEAN, n BIGINT, x REAL, t VARCHAR(20), p DECIMAL(10, 2), d DATE, i TIMESTAMPTZ,
            naive DATETIME, j JSON, raw BLOB, u);
        INSERT INTO people VALUES
            (2, 1, 3000000000, 0.1, 'é', 12.5, '2026-03-01', '2026-03-01 09:00:00+01:00', '2026-03-01 09:00:00', '{"a": 1}', x'00ff', 'x'),
            (1, 0, NULL, 2, '1', 3, NULL, 1772352000, NULL, '12', NULL, NULL);
        """
    )
    source = from_file("SELECT *, t || '!' AS shout, n > 1 AS many, count(*) OVER () AS n_all, x + 0 AS y FROM people")
    first, second = table(source).to_pylist()
    assert second == {
        "id": 2, "b": True, "n": 3_000_000_000, "x": 0.1, "t": "é", "p": Decimal("12.50"), "d": date(2026, 3, 1),
        "i": datetime(2026, 3, 1, 8, tzinfo=UTC), "naive": datetime(2026, 3, 1, 9), "j": '{"a": 1}', "raw": b"\x00\xff", "u": "x",
        "shout": "é!", "many": 1, "n_all": 2, "y": 0.1,
    }  # fmt: skip
    assert first["i"] == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert (first["b"], first["t"], first["x"], first["p"], first["j"]) == (False, "1", 2.0, Decimal("3.00"), "12")


def test_types_that_the_campaign_says(in_file: Execute, from_file: Opened, table: Read) -> None:
    in_file(
        "CREATE TABLE people (id INTEGER, seen TEXT, tags TEXT); "
        "INSERT INTO people VALUES (1, '2026-03-01T09:00:00Z', '[\"a\",\n null]')"
    )
    types = {"seen": pa.timestamp("us", "UTC"), "tags": pa.list_(pa.string()), "n": pa.int32()}
    (row,) = table(from_file("SELECT *, 7 AS n FROM people", types=types)).to_pylist()
    assert row == {"id": 1, "seen": datetime(2026, 3, 1, 9, tzinfo=UTC), "tags": ["a", None], "n": 7}


def test_a_column_whose_first_thousands_are_null_keeps_its_type(
    in_file: Execute, from_file: Opened, table: Read
) -> None:
    in_file(
        "CREATE TABLE people (id INTEGER, name TEXT, x REAL); "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        "INSERT INTO people SELECT 20001 - i, CASE WHEN i < 10 THEN 'late' END, CASE WHEN i < 10 THEN 0.5 END FROM n"
    )
    found = table(from_file("SELECT * FROM people"))
    assert found["id"].to_pylist() == list(range(1, 20_001))
    assert found["name"].to_pylist()[-2:] == ["late", "late"]
    assert found["name"].null_count == found["x"].null_count == 20_000 - 9


@pytest.mark.parametrize("collation", ["", "COLLATE NOCASE"])
def test_texts_come_in_the_order_of_their_bytes(
    in_file: Execute, from_file: Opened, table: Read, collation: str
) -> None:
    in_file(
        f"CREATE TABLE people (id TEXT {collation}, note TEXT); CREATE INDEX by_id ON people (id); "
        "INSERT INTO people VALUES ('b', 1), ('é', 2), ('A', 3), ('a', 5), ('a', 4), ('a', NULL)"
    )
    found = table(from_file("SELECT * FROM people"))
    assert found["id"].to_pylist() == ["A", "a", "a", "a", "b", "é"]
    assert found["note"].to_pylist() == ["3", "4", "5", None, "1", "2"]


def elsewhere(file: Path, *statements: str) -> subprocess.Popen[str]:
    """Another process that has executed these and keeps its connection until its input ends: locks do not hold within one process."""
    code = (
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "[connection.execute(each) for each in sys.argv[2:]]; print('done', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(file), *statements]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "done\n"
    return process


def test_a_snapshot_is_of_one_moment(in_file: Execute, from_file: Opened, file: Path, table: Read) -> None:
    in_file("PRAGMA journal_mode = WAL; CREATE TABLE people (id INTEGER); INSERT INTO people VALUES (1), (2)")
    source = from_file("SELECT * FROM people")
    with source.snapshot():
        elsewhere(file, "INSERT INTO people VALUES (3)", "DELETE FROM people WHERE id = 1").communicate()
        assert source.count() == 2
        assert table(source)["id"].to_pylist() == [1, 2]
    assert table(source)["id"].to_pylist() == [2, 3]


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("n INTEGER", "(1, 2), (2, 'two')", "`n`.*no int64"),
        ("n INTEGER", "(1, 2), (2, 2.5)", "`n`.*no int64"),
        ("b BOOLEAN", "(1, 1), (2, 2)", "a truth value is 0 or 1"),
        ("d DATE", "(1, '2026-03-01'), (2, '1.3.2026')", "`d`.*no date32"),
        ("d DATE", "(1, '2026-03-01 10:00:00')", "`d`.*no date32"),
        ("i TIMESTAMPTZ", "(1, '2026-03-01 10:00:00')", "`i`.*zone offset"),
        ("i TIMESTAMPTZ", "(1, 1772352000000)", "`i`.*no timestamp"),
        ("i DATETIME", "(1, '2026-03-01 10:00:00Z')", "`i`.*no timestamp"),
        ("p DECIMAL(4, 2)", "(1, 12345.6)", "`p`.*no decimal128"),
        ("t TEXT", "(1, CAST(x'ff' AS TEXT))", "`t`.*no string"),
        ("x REAL", "(1, 'much')", "`x`.*no double"),
    ],
)
def test_values_that_their_column_cannot_hold(
    in_file: Execute, from_file: Opened, table: Read, column: str, values: str, words: str
) -> None:
    in_file(f"CREATE TABLE people (id INTEGER, {column}); INSERT INTO people VALUES {values}")
    with pytest.raises(InputError, match=f"(?s)MR377.*{words}"):
        table(from_file("SELECT * FROM people"))


def test_a_late_value_of_another_class(in_file: Execute, from_file: Opened, table: Read) -> None:
    in_file(
        "CREATE TABLE people (id INTEGER, n INTEGER); "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
        "INSERT INTO people SELECT i, CASE WHEN i = 9999 THEN 'late' ELSE i END FROM n"
    )
    with pytest.raises(InputError, match=r"MR377.*`n`.*no int64"):
        table(from_file("SELECT * FROM people"))


@pytest.mark.parametrize(
    ("query", "code", "words", "help"),
    [
        ("SELECT id, nmae FROM people", "MR372", "no such column: nmae", "did you mean `name`?"),
        ("SELECT * FROM poeple", "MR372", "no such table: poeple", "did you mean `people`?"),
        ("SELECT p.nmae FROM people AS p", "MR372", "no such column: p.nmae", "did you mean `name`?"),
        ("SELECT count(*) FILTER (id) FROM people", "MR372", 'near "id"', None),
        ("SELECT nosuch(id) AS id FROM people", "MR372", "no such function: nosuch", None),
    ],
)
def test_what_is_wrong_with_a_query(
    in_file: Execute, from_file: Opened, query: str, code: str, words: str, help: str | None
) -> None:
    in_file("CREATE TABLE people (id INTEGER, name TEXT)")
    with pytest.raises(CampaignError) as caught:
        from_file(query)
    (fault,) = caught.value.diagnostics
    assert (fault.code, words in fault.message, fault.place is not None) == (code, True, True)
    assert help is None or fault.help == help
    if "nmae" in query:
        assert fault.place is not None and fault.place.column == query.index("nmae") + 1


def test_a_file_that_is_not_there_or_is_none(from_file: Opened, file: Path) -> None:
    with pytest.raises(MissingInputError, match="MR378"):
        from_file("SELECT 1 AS id")
    file.write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match="MR379"):
        from_file("SELECT 1 AS id")
    assert file.read_bytes() == b"no database at all" * 100


def test_a_file_that_another_program_has_locked(
    in_file: Execute, from_file: Opened, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.adapters.sources.sqlite._PATIENCE_MILLISECONDS", 1)
    in_file("CREATE TABLE people (id INTEGER)")
    other = elsewhere(file, "BEGIN EXCLUSIVE")
    try:
        with pytest.raises(TryAgainError, match="MR380"):
            from_file("SELECT * FROM people")
    finally:
        other.communicate()


def test_nothing_is_written(in_file: Execute, from_file: Opened, file: Path, table: Read) -> None:
    in_file("CREATE TABLE people (id INTEGER); INSERT INTO people VALUES (1)")
    before = file.read_bytes()
    assert table(from_file("SELECT * FROM people WHERE id = 1;")).num_rows == 1
    assert file.read_bytes() == before
    assert [each.name for each in file.parent.iterdir()] == [file.name]
