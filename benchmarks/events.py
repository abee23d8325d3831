"""Events into the store, in blocks of columns and row by row.

    python -m benchmarks.events [--events 100000] [--rounds 3] [--json]

All subjects run in every round, one after the other, each into a store of its own: files are read, checked and kept durably. Row by row
is what a program does that parses each line and inserts it into the same table with the same indexes, with a commit for every
thousand. Figures are medians by the clock; ratios are medians of the rounds' own. Events over HTTP are measured by `benchmarks.intake`.
"""

from __future__ import annotations

import argparse
import csv
import json
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from engine.adapters.connectors import FORMATS, FileConnector
from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.adapters.stores.store_postgres import PostgresStore
from engine.adapters.stores.store_sqlite import SqliteStore
from engine.audience.incoming import EVENT, Reading
from engine.audience.store import Store
from engine.pipeline.events_ingest import ingest, keep_events
from tests.conftest import PostgresServer

COMMIT_ROWS = 1_000
FIRST = datetime(2026, 3, 2, 10, tzinfo=UTC)
Subject = Callable[[Path, int], float]


def events(number: int) -> Iterator[dict[str, Any]]:
    for each in range(number):
        yield {
            "event_id": f"{each * 2_654_435_761 % (1 << 32):08x}-{each}",  # as senders draw them: in no order
            "user_id": f"u{each * 7_919 % 99_991}",
            "event_type": ("opened", "clicked", "ordered")[each % 3],
            "event_time": (FIRST + timedelta(seconds=each % 86_400)).isoformat(),
            "campaign_id": "spring",
            "sku": f"s{each % 500}",
            "total": each % 10_000 / 100,
        }


def write(folder: Path, number: int) -> Mapping[str, Path]:
    """The same events in every format."""
    rows = list(events(number))
    paths = {format: folder / f"events.{format}" for format in FORMATS}
    pq.write_table(pa.Table.from_pylist(rows), paths["parquet"])
    paths["jsonl"].write_text("".join(json.dumps(each) + "\n" for each in rows))
    with paths["csv"].open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    return paths


class Refuses:
    def keep(self, rows: Sequence[Any]) -> None:
        raise AssertionError(rows)


def kept(store: Store, path: Path, number: int) -> float:
    """Events a second."""
    with closing(store):
        start = time.perf_counter()
        counts = ingest(FileConnector([str(path)], Reading(EVENT)), keep_events(store), Refuses())
        seconds = time.perf_counter() - start
    assert counts.changed == number
    return number / seconds


def parsed(path: Path) -> Iterator[tuple[Any, ...]]:
    """What a program takes from each line."""
    own = ("event_id", "user_id", "event_type", "event_time", "campaign_id")
    with path.open() as file:
        for line in file:
            event = json.loads(line)
            rest = {name: value for name, value in event.items() if name not in own}
            at = datetime.fromisoformat(event["event_time"])
            yield event["event_id"], event["user_id"], event["event_type"], at, event["campaign_id"], json.dumps(rest)


def row_by_row_sqlite(folder: Path, path: Path, events: int) -> float:
    with closing(SqliteStore(folder / "rows.sqlite", "default")) as store:
        store.version()  # makes the tables
    insert = (
        "INSERT INTO email_events (tenant, event_id, user_id, event_type, event_time, campaign_id, properties) "
        "VALUES ('rows', ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    )
    with closing(sqlite3.connect(folder / "rows.sqlite")) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        start = time.perf_counter()
        for number, (*ids, at, campaign, rest) in enumerate(parsed(path)):
            connection.execute(insert, (*ids, int(at.timestamp() * 1e6), campaign, rest))
            if number % COMMIT_ROWS == COMMIT_ROWS - 1:
                connection.commit()
        connection.commit()
    return events / (time.perf_counter() - start)


def row_by_row_postgres(server: PostgresServer, path: Path, events: int) -> float:
    insert = (
        "INSERT INTO mailray.email_events "
        "(tenant, position, event_id, user_id, event_type, event_time, campaign_id, properties) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
    )
    tenant = str(uuid.uuid4())
    with psycopg.connect(server.url, password=server.password) as connection:
        start = time.perf_counter()
        for number, row in enumerate(parsed(path)):
            connection.execute(insert, (tenant, number, *row))
            if number % COMMIT_ROWS == COMMIT_ROWS - 1:
                connection.commit()
        connection.commit()
    return events / (time.perf_counter() - start)


@contextmanager
def database() -> Iterator[tuple[PostgresServer, PostgresPool]]:
    server = PostgresServer()
    server.start()
    pool = PostgresPool(parse_database(server.url, server.password, STORE), [], PoolLimits(min_connections=1), lag=0)
    try:
        yield server, pool
    finally:
        pool.close()
        server.remove()


def in_database(pool: PostgresPool) -> Store:
    assert pool.share()
    return PostgresStore(pool, str(uuid.uuid4()))


def measured(options: argparse.Namespace, server: PostgresServer, pool: PostgresPool) -> dict[str, list[float]]:
    """Events a second of every subject in every round; the first of each store is row by row."""
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        paths = write(Path(name), options.events)
        with closing(in_database(pool)) as store:
            store.version()  # makes the tables
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as fresh:
                folder = Path(fresh)
                told = {"SQLite, row by row": row_by_row_sqlite(folder, paths["jsonl"], options.events)}
                for format, path in paths.items():
                    store = SqliteStore(folder / f"{format}.sqlite", "default")
                    told[f"SQLite, {format}"] = kept(store, path, options.events)
                told["PostgreSQL, row by row"] = row_by_row_postgres(server, paths["jsonl"], options.events)
                for format, path in paths.items():
                    told[f"PostgreSQL, {format}"] = kept(in_database(pool), path, options.events)
            for subject, figure in told.items():
                figures.setdefault(subject, []).append(figure)
    return figures


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.events")
    arguments.add_argument("--events", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = arguments.parse_args()
    with database() as (server, pool):
        figures = measured(options, server, pool)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    console = Console()
    shown = Table("subject", "events/s", "times row by row", title="Files into the store", title_justify="left")
    for subject, rates in figures.items():
        base = figures[subject.partition(",")[0] + ", row by row"]
        ratio = statistics.median(each / other for each, other in zip(rates, base, strict=True))
        shown.add_row(subject, f"{statistics.median(rates):,.0f}", f"{ratio:.1f}")
    console.print(shown)


if __name__ == "__main__":
    main()
