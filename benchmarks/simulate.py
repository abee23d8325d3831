"""How fast a simulation goes: the tea shop's abandoned carts, people and events made up, by the command as a user has it.

    python -m benchmarks.simulate [--users 1000000] [--events 5000000] [--days 90] [--workers 2] [--keep DIR]

Three events of ten leave a cart, two are an order, five a visit; they come as people are awake. Counted is everything from the files to
the page. Peak memory is that of all processes together, what they share counted once (PSS), looked at twice a second.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
CAMPAIGN = ROOT / "examples" / "workflows" / "abandoned_cart"
START = datetime(2026, 3, 2, tzinfo=UTC)
ZONES = ["Europe/London", "Europe/Berlin", "America/New_York", "Asia/Tokyo"]
EVENTS = ["cart_abandoned", "order_placed", "site_visit"]
PAGES = ["home", "basket", "teas"]
BY_HOUR = np.array([2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 10, 9, 8, 8, 9, 10, 12, 14, 14, 11, 7, 4], dtype=np.float64)
ROWS = 1 << 17


def people(path: Path, users: int, draw: np.random.Generator) -> None:
    schema = pa.schema(
        [("user_id", pa.string()), ("email", pa.string()), ("time_zone", pa.string()), ("orders", pa.int64())]
    )
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, users, ROWS):
            numbers = range(first, min(first + ROWS, users))
            ids = [f"u{number:08d}" for number in numbers]
            columns = [
                ids,
                [f"{each}@example.com" for each in ids],
                _drawn(ZONES, len(ids), draw),
                draw.poisson(1.2, len(ids)),
            ]
            writer.write_table(pa.table(columns, schema=schema))


def events(path: Path, count: int, users: int, days: int, draw: np.random.Generator) -> None:
    instant = pa.timestamp("us", "UTC")
    kinds = {"event_id": pa.string(), "user_id": pa.string(), "event_type": pa.string(), "event_time": instant}
    schema = pa.schema([*kinds.items(), ("total", pa.float64()), ("page", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, count, ROWS):
            rows = min(ROWS, count - first)
            kind = draw.choice(3, rows, p=[0.3, 0.2, 0.5])
            seconds = draw.integers(0, days, rows) * 86_400 + draw.choice(24, rows, p=BY_HOUR / BY_HOUR.sum()) * 3_600
            at = (round(START.timestamp()) + seconds) * 1_000_000 + draw.integers(0, 3_600_000_000, rows)
            totals = np.round(draw.gamma(2.0, 25.0, rows), 2)
            columns = {
                "event_id": [f"e{first + number:09d}" for number in range(rows)],
                "user_id": [f"u{number:08d}" for number in draw.integers(0, users, rows).tolist()],
                "event_type": pa.array(EVENTS).take(pa.array(kind)),
                "event_time": pa.array(at).view(instant),
                "total": pa.array(totals, mask=kind == 2),
                "page": pa.array(PAGES).take(pa.array(draw.integers(0, 3, rows), mask=kind != 2)),
            }
            writer.write_table(pa.table(columns, schema=schema))


def _drawn(names: list[str], rows: int, draw: np.random.Generator) -> pa.StringArray:
    return pa.array(names).take(pa.array(draw.integers(0, len(names), rows)))


def measured(folder: Path, days: int, workers: int) -> tuple[dict[str, Any], float, int]:
    """What the command says, the seconds of processor time and the most memory (octets) that it and its processes had."""
    command = [sys.executable, "-m", "jobs.cli", "simulate", str(CAMPAIGN), "--days", str(days), "--json"]
    command += ["--people", str(folder / "people.parquet"), "--events", str(folder / "events.parquet")]
    command += ["--workers", str(workers), "--out", str(folder / "simulation"), "--start", START.isoformat()]
    told = folder / "told.json"
    with told.open("w") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, env={**os.environ, "PYTHONPATH": str(ROOT)})
        most = 0
        while process.poll() is None:
            most = max(most, _memory(process.pid))
            time.sleep(0.5)
    assert process.returncode == 0
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(told.read_text()), used.ru_utime + used.ru_stime, most


def _memory(pid: int) -> int:
    total = 0
    try:
        parent = psutil.Process(pid)
        for each in [parent, *parent.children(recursive=True)]:
            total += each.memory_full_info().pss
    except psutil.NoSuchProcess:
        pass
    return total


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--keep", type=Path, help="a folder for people, events and result; one that is removed if absent"
    )
    asked = parser.parse_args()
    with nullcontext(asked.keep) if asked.keep else tempfile.TemporaryDirectory(prefix="mailray-simulate-") as scratch:
        folder = Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        draw = np.random.default_rng(7)
        people(folder / "people.parquet", asked.users, draw)
        events(folder / "events.parquet", asked.events, asked.users, asked.days, draw)
        summary, worked, most = measured(folder, asked.days, asked.workers)
    messages = summary["messages"]
    print(
        f"{asked.days} days of {asked.users:,} people with {asked.events:,} events in {summary['seconds']:,.1f} s "
        f"({worked:,.1f} s of one core): {summary['users_days_a_second']:,} users x days a second"
    )
    print(
        f"{sum(each['entered'] for each in summary['workflows']):,} executions, {messages['decided']:,} messages decided on, "
        f"{messages['verdicts']['sent']:,} sent; peak {most >> 20:,} MB of {asked.workers} processes and the one that waits for them"
    )


if __name__ == "__main__":
    main()
