"""How fast the automation's queue is: the schedule alone, durable intake into SQLite, and all the way to a worker's hands.

    python -m benchmarks.queueing [--items 60000] [--rounds 3] [--folder DIR] [--json]

The schedule takes items of five priorities in and gives them out in batches. Durable intake puts batches of 100 into the SQLite queue, each
on the disk when it returns; a file that is synchronised after each append of the same octets is shown beside it, for that is what the
disk allows. Dispatch fills the schedule from a durable queue, hands out micro-batches and tells the queue that they are done. Medians
of the rounds, by the clock and by processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from engine.adapters.queues.sqlite_queue import SqliteQueue
from engine.campaign.schema import Campaign, Priority
from engine.pipeline.automation.contract import Advanced, LiveWorkflow
from engine.pipeline.automation.dispatch import Dispatcher
from engine.pipeline.definition import TENANT, PlanDefinition
from engine.queueing.contract import ITEMS
from engine.queueing.levels import deadline
from engine.queueing.scheduler import Item, Scheduler
from engine.workflow.definition import definition_of
from engine.workflow.memory import MemoryExecutions

TOGETHER = 100
AT = 1_790_000_000_000_000


def scheduled(items: int) -> None:
    kinds = [*Priority]
    scheduler = Scheduler()
    waiting = [
        Item(deadline(kinds[each % 5], AT + each), each, kinds[each % 5], TENANT, f"w{each % 10}", f"u{each}", AT)
        for each in range(items)
    ]
    scheduler.add(waiting)
    taken = 0
    while batch := scheduler.take(lambda _: 256):
        taken += len(batch)
    assert taken == items


def batch(first: int, number: int) -> pa.RecordBatch:
    rows = range(first, first + number)
    columns = {
        "item_id": pa.array([f"cart event {each * 2_654_435_761 % (1 << 32):08x}-{each}" for each in rows]),
        "tenant": pa.repeat(TENANT, number),
        "workflow": pa.repeat("cart", number),
        "priority": pa.repeat("normal", number),
        "user_id": pa.array([f"u{each * 7_919 % 99_991}" for each in rows]),
        "arrived": pa.array([AT] * number).cast(ITEMS.field("arrived").type),
        "payload": pa.array([json.dumps({"position": (each + 1) << 11, "event": "left", "at": AT}) for each in rows]),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in ITEMS.names], schema=ITEMS)


def put(path: Path, batches: Sequence[pa.RecordBatch]) -> None:
    with closing(SqliteQueue(path, time.time)) as queue:
        for each in batches:
            queue.put(each)


def appended(path: Path, batches: Sequence[pa.RecordBatch]) -> None:
    with path.open("wb", buffering=0) as file:
        for each in batches:
            file.write(bytes(each.get_total_buffer_size()))
            os.fdatasync(file.fileno())


def live() -> LiveWorkflow:
    campaign = Campaign.model_validate(
        {
            **{"name": "cart", "type": "abandoned_cart", "audience": {"source": "store:", "key": "id"}},
            **{"delivery": {"from": {"address": "shop@example.com"}}},
            "workflow": [{"id": "pause", "type": "wait_condition", "for": "1 day"}],
        }
    )
    plan = PlanDefinition(campaign, pa.schema([("id", pa.string())]), (), datetime(2026, 3, 1, tzinfo=UTC))
    return LiveWorkflow(plan, definition_of(campaign))


@contextmanager
def waiting(folder: Path, items: int) -> Iterator[SqliteQueue]:
    with closing(SqliteQueue(folder / "dispatch.sqlite", time.time)) as queue:
        for first in range(0, items, 10_000):
            queue.put(batch(first, min(10_000, items - first)))
        yield queue


def dispatched(queue: SqliteQueue, items: int) -> None:
    told: list[int] = []
    dispatcher = Dispatcher(queue, MemoryExecutions(), [live()], lambda _, positions: told.append(len(positions)), AT)
    done = 0
    while done < items:
        dispatcher.told()
        dispatcher.fill(AT)
        for _, task in dispatcher.next(["one", "two"] * 4, {}, AT):
            tickets = task.items.column("ticket").to_pylist()
            dispatcher.finished(Advanced(task.number, tickets, ()), 0.01, AT)
            done += len(tickets)
    dispatcher.fill(AT)
    assert sum(told) == items and queue.depths(TENANT)[Priority.NORMAL] == 0


def timed(items: int, work: Callable[..., None], *given: object) -> tuple[float, float]:
    """Items a second by the clock, and by processor time."""
    began, worked = time.perf_counter(), time.process_time()
    work(*given)
    return items / (time.perf_counter() - began), items / (time.process_time() - worked)


def measured(items: int, rounds: int, folder: Path | None) -> dict[str, list[tuple[float, float]]]:
    figures: dict[str, list[tuple[float, float]]] = {}
    batches = [batch(first, TOGETHER) for first in range(0, items, TOGETHER)]
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=folder) as name:
            fresh = Path(name)
            told = {
                "in and out of the schedule": timed(items, scheduled, items),
                "appended to a file, 100 together": timed(items, appended, fresh / "appended", batches),
                "put into SQLite, 100 together": timed(items, put, fresh / "put.sqlite", batches),
            }
            with waiting(fresh, items) as queue:
                told["from SQLite to workers and done"] = timed(items, dispatched, queue, items)
        for subject, figure in told.items():
            figures.setdefault(subject, []).append(figure)
    return figures


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.queueing")
    arguments.add_argument("--items", type=int, default=60_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--folder", type=Path, help="on the disk that is asked about")
    arguments.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = arguments.parse_args()
    figures = measured(options.items, options.rounds, options.folder)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    shown = Table("subject", "items/s", "items/s of a core", title="The automation's queue", title_justify="left")
    for subject, rates in figures.items():
        clock, core = (statistics.median(each[place] for each in rates) for place in (0, 1))
        shown.add_row(subject, f"{clock:,.0f}", f"{core:,.0f}")
    Console().print(shown)


if __name__ == "__main__":
    main()
