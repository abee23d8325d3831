"""A folder that files are dropped into, one way or another."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.adapters.connectors import DropFolder, files
from engine.audience.incoming import EVENT, Reading
from engine.errors import MissingInputError

NOW = 2_000_000_000_000_000
FRESH = NOW * 1_000 - 1_999_999_000


def drop_in(folder: Path, name: str, content: bytes, changed: int = 1_700_000_000_000_000_000) -> Path:
    path = folder / name
    path.write_bytes(content)
    os.utime(path, ns=(changed, changed))
    return path


def line(number: int, **more: Any) -> bytes:
    at = "2026-03-02T10:00:00Z"
    row = {"event_id": f"e{number}", "user_id": "u", "event_type": "ordered", "event_time": at, **more}
    return json.dumps(row).encode() + b"\n"


def opened(folder: Path) -> DropFolder:
    return DropFolder(folder, Reading(EVENT), None, lambda: NOW)


def read(folder: Path, cursor: str | None = None) -> list[str]:
    return [each for page in opened(folder).pages(cursor) for each in page.rows.column("event_id").to_pylist()]


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_is_read_is_moved_away_the_oldest_first(tmp_path: Path) -> None:
    drop_in(tmp_path, "a.jsonl", line(2), changed=1_700_000_001_000_000_000)
    drop_in(tmp_path, "b.jsonl", line(1))
    assert read(tmp_path) == ["e1", "e2"]
    assert names(tmp_path) == ["done/a.jsonl", "done/b.jsonl"]
    drop_in(tmp_path, "a.jsonl", line(3))
    assert read(tmp_path) == ["e3"]
    assert names(tmp_path) == ["done/a-2.jsonl", "done/a.jsonl", "done/b.jsonl"]
    assert read(tmp_path) == []


@pytest.mark.parametrize(
    "name", [".a.jsonl", "_a.jsonl", "a.jsonl.tmp", "a.jsonl.PART", "a.jsonl~", "a.jsonl.filepart"]
)
def test_what_is_not_complete_is_left_alone(tmp_path: Path, name: str) -> None:
    drop_in(tmp_path, name, line(1))
    drop_in(tmp_path, "written to just now.jsonl", line(2), changed=FRESH)
    (tmp_path / "folder.jsonl").mkdir()
    assert read(tmp_path) == []
    assert names(tmp_path) == sorted([name, "written to just now.jsonl"])


def test_what_cannot_be_read_is_put_aside_with_the_reason(tmp_path: Path) -> None:
    table = pa.table(
        {"event_id": ["e1"], "user_id": ["u"], "event_type": ["ordered"], "event_time": ["2026-03-02T10:00:00Z"]}
    )
    pq.write_table(table, tmp_path / "whole.parquet")
    drop_in(tmp_path, "whole.parquet", (tmp_path / "whole.parquet").read_bytes())
    drop_in(tmp_path, "torn.parquet", (tmp_path / "whole.parquet").read_bytes()[:-20])
    drop_in(tmp_path, "empty.csv", b"")
    drop_in(tmp_path, "other.csv", b"a,b\n1,2\n")
    drop_in(tmp_path, "utf-16.csv", "event_id,user_id".encode("utf-16"))
    drop_in(tmp_path, "quote.csv", b'event_id,user_id,event_type,event_time\n1,"u,ordered,2026-03-02T10:00:00Z\n')
    drop_in(tmp_path, "unknown.xlsx", b"PK")
    drop_in(tmp_path, "torn.jsonl.gz", b"\x1f\x8b\x08\x00")
    folder = opened(tmp_path)
    assert [page.rows.num_rows for page in folder.pages(None)] == [1]
    assert folder.failed == 7
    assert [name for name in names(tmp_path) if name.startswith("done")] == ["done/whole.parquet"]
    reasons = {path.name: path.read_text() for path in (tmp_path / "failed").glob("*.reason")}
    codes = {
        "torn.parquet": "MR786", "empty.csv": "MR787", "other.csv": "MR781", "utf-16.csv": "MR785", "quote.csv": "MR784",
        "unknown.xlsx": "MR788", "torn.jsonl.gz": "MR786",
    }  # fmt: skip
    assert {name.removesuffix(".reason"): text[6:11] for name, text in reasons.items()} == codes


def test_a_file_of_another_kind_is_not_quarantined_row_by_row(tmp_path: Path) -> None:
    drop_in(tmp_path, "customers.jsonl", b'{"name": "Ann"}\n' * files.SENSELESS)
    drop_in(tmp_path, "few.jsonl", b'{"name": "Ann"}\n' * 9)
    assert sum(len(page.refused) for page in opened(tmp_path).pages(None)) == 9
    assert names(tmp_path) == ["done/few.jsonl", "failed/customers.jsonl", "failed/customers.jsonl.reason"]
    assert "MR789" in (tmp_path / "failed/customers.jsonl.reason").read_text()


def test_a_large_file_is_gone_on_with_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK", 400)
    drop_in(tmp_path, "a.jsonl", b"".join(map(line, range(50))))
    pages = opened(tmp_path).pages(None)
    first, second = next(pages), next(pages)
    pages.close()
    assert names(tmp_path) == ["a.jsonl"]
    left = read(tmp_path, second.cursor)
    done = sum(page.rows.num_rows for page in (first, second))
    assert left == [f"e{number}" for number in range(done, 50)]
    drop_in(tmp_path, "a.jsonl", b"".join(map(line, range(50, 53))))  # another file under the same name
    assert read(tmp_path, second.cursor) == ["e50", "e51", "e52"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="MR787"):
        opened(tmp_path / "nowhere")
