"""However a file is cut into parts, in whatever order and however often they are read, the store holds the same."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adapters.connectors import FORMATS, FileConnector, files
from engine.assembly.settings import StoresAt
from engine.assembly.stores import open_store
from engine.audience.incoming import EVENT, Reading
from engine.pipeline.events_ingest import ingest, keep_events

Row = dict[str, str | None]
COLUMNS = ("event_id", "user_id", "event_type", "event_time", "campaign_id", "note", "size")
TIMES = (
    "2026-03-02T10:00:00Z",
    "2026-03-02 10:00:00.5+01:00",
    "2026-02-30T10:00:00Z",
    "2026-03-02T10:00:00",
    "soon",
    None,
)


def content(number: int) -> Row:
    """An event; of one number there is but one."""
    return {
        "event_id": None if number % 5 == 0 else f"e{number}",
        "user_id": None if number % 11 == 0 else f"u{number % 3}",
        "event_type": "ordered",
        "event_time": TIMES[number % len(TIMES)] if number % 2 else TIMES[0],
        "campaign_id": "spring" if number % 3 else None,
        "note": ('a "b",\nc', "ä", "\\u0000", None)[number % 4],
        "size": str(number),
    }


def good(row: Row) -> bool:
    """As a person would say it."""
    return row["user_id"] is not None and row["event_time"] in TIMES[:2]


def expected(rows: Sequence[Row]) -> set[tuple[Any, ...]]:
    found = set()
    for row in filter(good, rows):
        properties = {name: row[name] for name in ("note", "size") if row[name]}
        at = datetime.fromisoformat(str(row["event_time"]))
        found.add((row["event_id"], row["user_id"], at, row["campaign_id"], json.dumps(properties, sort_keys=True)))
    return found


def kept(rows: Sequence[dict[str, Any]]) -> set[tuple[Any, ...]]:
    found = set()
    for row in rows:
        ours = None if row["event_id"].startswith("content:") else row["event_id"]
        properties = json.dumps(json.loads(row["properties"]), sort_keys=True)
        found.add((ours, row["user_id"], row["event_time"], row["campaign_id"], properties))
    assert len(found) == len(rows)
    return found


def write(rows: Sequence[Row], path: Path, format: str) -> None:
    if format == "parquet":
        pq.write_table(pa.Table.from_pylist(list(rows), pa.schema([(name, pa.string()) for name in COLUMNS])), path)
        return
    text = io.StringIO()
    if format == "csv":
        table = csv.DictWriter(text, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    else:
        text.writelines(
            json.dumps({name: value for name, value in row.items() if value is not None}) + "\n" for row in rows
        )
    path.write_bytes(text.getvalue().encode())


class Ignored:
    def keep(self, rows: Sequence[Any]) -> None:
        assert rows


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=60).map(lambda numbers: [content(each) for each in numbers]),
    st.sampled_from(sorted(FORMATS)),
    st.lists(st.integers(1, 60), max_size=5),
    st.integers(20, 4_000),
    st.randoms(use_true_random=False),
)
def test_any_split_and_any_repetition(rows: list[Row], format: str, cuts: list[int], chunk: int, random: Any) -> None:
    ends = sorted({min(each, len(rows)) for each in cuts} | {len(rows)})
    parts = [rows[start:end] for start, end in zip([0, *ends], ends, strict=False) if start < end]
    before, files.CHUNK = files.CHUNK, chunk
    try:
        with tempfile.TemporaryDirectory() as name:
            paths = []
            for number, part in enumerate(parts):
                paths.append(str(Path(name, f"{number}.{format}")))
                write(part, Path(paths[-1]), format)
            again = random.sample(paths, random.randint(0, len(paths)))
            read = [*random.sample(paths, len(paths)), *again]
            with closing(open_store(StoresAt(Path(name)))) as store:
                counts = ingest(FileConnector(read, Reading(EVENT)), keep_events(store), Ignored())
                events, _ = store.events(0, 1_000)
    finally:
        files.CHUNK = before
    assert kept(events.to_pylist()) == expected(rows)
    told = [row for path in read for row in parts[int(Path(path).stem)]]
    refused = sum(not good(row) for row in told)
    assert (counts.read, counts.changed, counts.same, counts.refused) == (
        len(told), len(events), len(told) - refused - len(events), refused,
    )  # fmt: skip
