"""``python -m benchmarks.audience_sql [--rows 1000000] [--rounds 5] [--plans ROWS ...]``: an audience from SQL into Arrow.

Reading is timed from start to end, in turn with the drivers' rows made into a table, in one run; a plan's peak memory by size of
audience (4,000,000 rows by default; 0 plans none) must not grow with it. A PostgreSQL of its own is started and removed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg.rows import dict_row, tuple_row
from rich.console import Console
from rich.table import Table

from engine.adapters.sources import Asked, QueryText, open_source
from engine.conditions.parse import locate_in
from tests.conftest import PostgresServer

COLUMNS = ("customer_id", "first_name", "email", "subscribed", "orders", "spend", "last_seen")
SCHEMA = pa.schema(
    [
        pa.field("customer_id", pa.int64()),
        pa.field("first_name", pa.string()),
        pa.field("email", pa.string()),
        pa.field("subscribed", pa.bool_()),
        pa.field("orders", pa.int64()),
        pa.field("spend", pa.float64()),
        pa.field("last_seen", pa.timestamp("us", "UTC")),
    ]
)
MAKE = (
    "CREATE TABLE customers (customer_id bigint PRIMARY KEY, first_name text, email text, subscribed boolean, orders bigint, "
    "spend double precision, last_seen timestamptz)"
)
LAST_SEEN = {
    "PostgreSQL": "timestamptz '2026-01-01 00:00Z' + i * interval '1 second'",
    "SQLite": "strftime('%Y-%m-%dT%H:%M:%SZ', 1767225600 + i, 'unixepoch')",
}
ROWS_BY_SQL = "SELECT i, CASE WHEN i % 10 > 0 THEN 'Name' || (i % 997) END, 'customer' || i || '@example.com', i % 5 > 0, i % 7, i * 0.37"
QUERY = f"SELECT {', '.join(COLUMNS)} FROM customers"
Subject = Callable[[], int]
Rows = Callable[[bool], Sequence[Any]]


def fill_postgres(server: PostgresServer, rows: int) -> None:
    with psycopg.connect(server.url, password=server.password, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS customers")
        connection.execute(MAKE)
        connection.execute(
            f"INSERT INTO customers {ROWS_BY_SQL}, {LAST_SEEN['PostgreSQL']} FROM generate_series(1, {rows}) AS i"
        )
        connection.execute("VACUUM ANALYZE customers")


def fill_sqlite(file: Path, rows: int) -> None:
    file.unlink(missing_ok=True)
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(MAKE.replace("bigint PRIMARY", "INTEGER PRIMARY"))
        connection.execute(f"{numbers} INSERT INTO customers {ROWS_BY_SQL}, {LAST_SEEN['SQLite']} FROM n")
        connection.commit()


def fill_parquet(file: Path, database: Path) -> None:
    """What is in the database, for comparison."""
    query = QueryText(QUERY, locate_in(QUERY))
    source = open_source(Asked(f"sqlite:///{database}", file.parent, "customer_id", query=query))
    with pq.ParquetWriter(file, source.schema) as writer:
        for batch in source.batches(COLUMNS):
            writer.write_batch(batch)


def through_source(url: str, folder: Path, password: str | None) -> Subject:
    """As a run reads: opened, counted and read in one snapshot."""

    def read() -> int:
        asked = Asked(url, folder, "customer_id", query=QueryText(QUERY, locate_in(QUERY)), password=password)
        source = open_source(asked)
        with source.snapshot():
            count = source.count()
            table = pa.Table.from_batches(source.batches(COLUMNS))
        assert table.num_rows == count
        return count

    return read


def by_psycopg(server: PostgresServer) -> Rows:
    def rows(named: bool) -> Sequence[Any]:
        with psycopg.connect(server.url, password=server.password) as connection:
            factory: Any = dict_row if named else tuple_row
            return connection.cursor(row_factory=factory).execute(f"{QUERY} ORDER BY customer_id").fetchall()

    return rows


def by_sqlite3(file: Path) -> Rows:
    def rows(named: bool) -> Sequence[Any]:
        with closing(sqlite3.connect(file)) as connection:
            found = connection.execute(f"{QUERY} ORDER BY customer_id").fetchall()
        return [dict(zip(COLUMNS, row, strict=True)) for row in found] if named else found

    return rows


def from_records(rows: Rows) -> Subject:
    """Rows as pyarrow takes them: a dict each."""
    return lambda: pa.Table.from_pylist([typed(each) for each in rows(True)], SCHEMA).num_rows


def typed(row: dict[str, Any]) -> dict[str, Any]:
    if isinstance(row["last_seen"], str):
        row |= {"subscribed": bool(row["subscribed"]), "last_seen": datetime.fromisoformat(row["last_seen"])}
    return row


def from_columns(rows: Rows) -> Subject:
    """The best that can be made of rows: turned into columns, which pyarrow converts one by one."""

    def read() -> int:
        columns = dict(zip(COLUMNS, zip(*rows(False), strict=True), strict=True))
        arrays = [pa.array(columns[field.name]).cast(field.type) for field in SCHEMA]
        return pa.Table.from_arrays(arrays, schema=SCHEMA).num_rows

    return read


def compared(name: str, subjects: dict[str, Subject], rounds: int) -> Table:
    """Each in each round, after a warm-up; medians of the seconds, and of the rounds' ratios to the last, which is ours."""
    passes = [[seconds(each) for each in subjects.values()] for _ in range(rounds + 1)][1:]
    table = Table(name, "seconds", "mailray is faster by", "range")
    for place, subject in enumerate(subjects):
        ratios = [each[place] / each[-1] for each in passes]
        took = statistics.median(each[place] for each in passes)
        spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
        table.add_row(subject, f"{took:.2f}", f"{statistics.median(ratios):.1f}", spread)
    return table


def seconds(subject: Subject) -> float:
    start = time.perf_counter()
    subject()
    return time.perf_counter() - start


def plan(audience: str, folder: Path, password: str) -> tuple[float, float]:
    """Seconds and peak MiB of ``mailray plan`` in one process."""
    campaign = folder / "campaign"
    shutil.rmtree(campaign, ignore_errors=True)
    with resources.as_file(resources.files("jobs").joinpath("scaffold")) as scaffold:
        shutil.copytree(scaffold, campaign)
    (campaign / "secret.key").write_text("a secret for this benchmark only, and no other")
    file = campaign / "campaign.yaml"
    text = file.read_text(encoding="utf-8").replace("source: customers.csv", audience)
    file.write_text(text.replace("suppression: suppressed.csv", "where: orders < 7"), encoding="utf-8")
    command = [sys.executable, "-m", "jobs.cli", "plan", str(campaign), "--runner", "inline", "--json"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "PASSWORD": password})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("the plan failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    server.start()
    try:
        yield server
    finally:
        server.remove()


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.audience_sql")
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--plans", type=int, nargs="*", default=[1_000_000, 4_000_000], metavar="ROWS")
    options = arguments.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as name, postgres() as server:
        folder = Path(name)
        file = folder / "people.db"
        fill_postgres(server, options.rows)
        fill_sqlite(file, options.rows)
        for kind, rows, ours in (
            ("psycopg", by_psycopg(server), through_source(server.url, folder, server.password)),
            ("sqlite3", by_sqlite3(file), through_source(f"sqlite:///{file}", folder, None)),
        ):
            subjects = {
                f"{kind}, rows as dicts": from_records(rows),
                f"{kind}, rows into columns": from_columns(rows),
                "mailray": ours,
            }
            console.print(compared(f"{options.rows:,} rows into Arrow", subjects, options.rounds))
        table = Table("rows", "from", "seconds", "peak MiB", title="mailray plan, one process, from start to end")
        for size in filter(None, options.plans):
            fill_postgres(server, size)
            fill_sqlite(file, size)
            fill_parquet(folder / "people.parquet", file)
            sources = {
                "PostgreSQL": f"source: {server.url}\n  password: env:PASSWORD\n  query: {QUERY}",
                "SQLite": f"source: sqlite:///{file}\n  query: {QUERY}",
                "Parquet": "source: ../people.parquet",
            }
            for kind, audience in sources.items():
                took, peak = plan(audience, folder, server.password)
                table.add_row(f"{size:,}", kind, f"{took:.1f}", f"{peak:.0f}")
        console.print(table)


if __name__ == "__main__":
    main()
