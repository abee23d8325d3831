"""`mailray ingest events`: files, standard input, crashes and bad rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[3]
Lines = Callable[..., bytes]
Kept = Callable[[], list[str]]


def ids(*numbers: int) -> list[str]:
    return [f"e{number}" for number in numbers]


def test_files_of_all_formats_and_again(ingest: Any, lines: Lines, kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(3))
    (tmp_path / "b.csv").write_text("event_id,user_id,event_type,event_time\ne3,u,ordered,2026-03-02T10:00:00Z\n")
    row = {
        "event_id": "e4",
        "user_id": 5,
        "event_type": "ordered",
        "event_time": datetime.fromisoformat("2026-03-02T10:00:00Z"),
    }
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "c.parquet")
    done = ingest("events", "a.*", "b.csv", "c.parquet", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json == {
        "read": 5, "new": 5, "same": 0, "refused": 0, "files_failed": 0, "rejects": None, "first_refused": []
    }  # fmt: skip
    assert kept() == ids(0, 1, 2, 3, 4)
    again = ingest("events", "a.jsonl", "b.csv", "c.parquet", "--json").json
    assert (again["new"], again["same"]) == (0, 5)
    assert kept() == ids(0, 1, 2, 3, 4)


def test_bad_rows_are_named_and_kept_apart(ingest: Any, lines: Lines, kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(5, bad=(1, 3)) + b"{oops\n")
    (tmp_path / "b.csv").write_text(
        "event_id,user_id,event_type,event_time\ne9,u,trigger:welcome,2026-03-02T10:00:00Z\n"
    )
    done = ingest("events", "a.jsonl", "b.csv", "--rejects", "apart/bad.jsonl")
    assert done.code == 1
    assert "warning: b.csv:2: event_type begins with `trigger:`, which is reserved" in done.err
    assert "warning: a.jsonl:2: no user_id" in done.err
    assert "warning: a.jsonl:6: not JSON" in done.err
    assert kept() == ids(0, 2, 4)
    apart = [json.loads(line) for line in (tmp_path / "apart/bad.jsonl").read_text().splitlines()]
    assert [(each["line"], each["row"]) for each in apart] == [
        (2, '{"event_id": "e1"}'), (4, '{"event_id": "e3"}'), (6, "{oops"), (2, apart[3]["row"]),
    ]  # fmt: skip
    assert [path.name for path in (tmp_path / "apart").iterdir()] == ["bad.jsonl"]
    told = ingest("events", "a.jsonl", "--json").json
    assert Path(told["rejects"]).parent == tmp_path / ".mailray" / "rejected"
    assert [each["line"] for each in told["first_refused"]] == [2, 4, 6]


def test_strict_keeps_all_or_nothing(ingest: Any, lines: Lines, kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(5))
    (tmp_path / "b.jsonl").write_bytes(lines(5, first=5, bad=(7, 8)))
    done = ingest("events", "a.jsonl", "b.jsonl", "--strict")
    assert done.code == 65
    assert done.err.count("error[MR780]") == 2
    assert "b.jsonl:3" in done.err
    assert kept() == []
    assert ingest("events", "a.jsonl", "--strict").code == 0
    assert kept() == ids(0, 1, 2, 3, 4)


def test_names_and_zones(ingest: Any, kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,who,event_type,at\ne1,u,ordered,2026-03-02 10:00:00\n")
    columns = ("--column", "event_id=id", "--column", "user_id=who", "--column", "event_time=at")
    assert ingest("events", "a.csv", *columns).code == 1
    assert kept() == []
    assert ingest("events", "a.csv", *columns, "--timezone", "Europe/Berlin").code == 0
    assert kept() == ["e1"]


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["nowhere.csv"], "MR787", 66),
        (["*.csv"], "MR787", 66),
        (["empty.csv"], "MR787", 66),
        (["notes.txt"], "MR788", 2),
        (["."], "MR788", 2),
        (["-"], "MR788", 2),
        (["-", "--format", "parquet"], "MR788", 2),
        (["notes.txt", "--format", "parquet"], "MR786", 65),
        (["notes.txt", "--format", "csv"], "MR781", 65),
        (["notes.txt", "--format", "cvs"], "MR788", 2),
        (["-", "notes.txt", "--format", "csv"], "MR799", 2),
        (["-", "--strict", "--format", "csv"], "MR799", 2),
        (["notes.txt", "--column", "user=id", "--format", "csv"], "MR799", 2),
        (["notes.txt", "--timezone", "Mars/Olympus", "--format", "csv"], "MR799", 2),
        (["notes.txt", "--format", "csv", "--every", "1"], "MR799", 2),
        (["drop:nowhere"], "MR787", 66),
        (["https://me:hunter2@crm.example.com/"], "MR799", 2),
        (["https://"], "MR799", 2),
        (["http://crm.example.com/", "--token", "env:HOME"], "MR799", 2),
        (["https://crm.example.com/", "--token", "env:NOT_SET"], "MR161", 78),
    ],
)
def test_faults(ingest: Any, tmp_path: Path, arguments: list[str], code: str, exit_code: int) -> None:
    (tmp_path / "notes.txt").write_text("a,b\n1,2\n")
    (tmp_path / "empty.csv").touch()
    done = ingest("events", *arguments)
    assert (done.code, f"error[{code}]" in done.err) == (exit_code, True), done.err
    assert "hunter2" not in done.err


def start(tmp_path: Path, environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "jobs.cli", "ingest", "events", *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=tmp_path, env={**environment, "PYTHONPATH": str(ROOT)}, **pipes)  # type: ignore[call-overload,no-any-return]


def wait_for(process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    while not condition():
        assert process.poll() is None
        time.sleep(0.02)


def test_a_stream_is_durable_as_it_goes_and_a_kill_loses_nothing_that_was_kept(
    environment: dict[str, str], lines: Lines, kept: Kept, tmp_path: Path, ingest: Any
) -> None:
    with start(tmp_path, environment, "-", "--format", "jsonl") as process:
        assert process.stdin is not None
        process.stdin.write(lines(500) + b'{"event_id": "e5')
        process.stdin.flush()
        wait_for(process, lambda: len(kept()) == 500)  # the stream has not ended, and half a line is no row
        process.kill()
    (tmp_path / "all.jsonl").write_bytes(lines(40_000))
    with start(tmp_path, environment, "-", "--format", "jsonl") as process:
        assert process.stdin is not None
        process.stdin.write(lines(20_000))
        process.stdin.flush()
        wait_for(process, lambda: len(kept()) > 500)
        process.kill()  # in the middle, wherever that is
    assert ingest("events", "all.jsonl", "--json").json["read"] == 40_000
    assert sorted(kept(), key=lambda each: int(each[1:])) == ids(*range(40_000))


def test_a_stream_that_is_interrupted(environment: dict[str, str], lines: Lines, kept: Kept, tmp_path: Path) -> None:
    with start(tmp_path, environment, "-", "--format", "jsonl", "--json") as process:
        assert process.stdin is not None
        process.stdin.write(lines(3, bad=(1,)))
        process.stdin.flush()
        wait_for(process, lambda: len(kept()) == 2)
        process.send_signal(2)
        out = process.stdout.read() if process.stdout else b""
    told = json.loads(out)
    assert (process.returncode, told["new"], told["refused"]) == (130, 2, 1)
    assert Path(told["rejects"]).read_text().count("\n") == 1


def test_a_folder_that_files_are_dropped_into(ingest: Any, lines: Lines, kept: Kept, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    for name, content in (("a.jsonl", lines(3)), ("b.csv", b"a,b\n"), ("c.jsonl.tmp", lines(2))):
        (folder / name).write_bytes(content)
        os.utime(folder / name, (1_700_000_000,) * 2)
    done = ingest("events", "drop:drop", "--json")
    assert (done.code, done.json["new"], done.json["files_failed"]) == (1, 3, 1)
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == ["c.jsonl.tmp", "done/a.jsonl", "failed/b.csv", "failed/b.csv.reason"]
    assert ingest("events", "drop:drop", "--json").json["read"] == 0
    assert kept() == ids(0, 1, 2)


def test_a_folder_that_is_looked_at_again(
    environment: dict[str, str], lines: Lines, kept: Kept, tmp_path: Path
) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    with start(tmp_path, environment, "drop:drop", "--every", "0.1", "--json") as process:
        for number in range(2):
            (folder / ".draft").write_bytes(lines(1, first=number))
            os.utime(folder / ".draft", (1_700_000_000,) * 2)
            (folder / ".draft").rename(folder / f"{number}.jsonl")
            wait_for(process, lambda: (folder / "done" / f"{number}.jsonl").exists())  # noqa: B023
        process.send_signal(2)
        out = process.stdout.read() if process.stdout else b""
    assert (process.returncode, json.loads(out)["new"], kept()) == (130, 2, ids(0, 1))


def test_a_store_in_a_database(ingest: Any, lines: Lines, tmp_path: Path, postgres: Any) -> None:
    first = uuid.uuid4().int  # the tests' server is one for all, and so is the store in it
    (tmp_path / "a.jsonl").write_bytes(lines(5, first=first))
    (tmp_path / "password").write_text(postgres.password)
    store = {"MAILRAY_STORE": postgres.url, "MAILRAY_STORE_PASSWORD": "file:password"}
    assert ingest("events", "a.jsonl", "--json", env=store).json["new"] == 5
    assert ingest("events", "a.jsonl", "--json", env=store).json["same"] == 5
    assert not (tmp_path / ".mailray").exists()
