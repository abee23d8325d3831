"""What an automation does in a second: events in, executions moved on, attributes written, messages sent.

    python -m benchmarks.automation [--people 20000] [--json]

Each person leaves a basket once. They enter, are sent a message at once, an attribute of theirs is written, and they wait. The store,
the queue, the outbox and the ledger are SQLite files on the disk; the messages are rendered and handed to the rehearsal transport, so
that what is measured is ours. One process; driver and worker are threads of it. Microseconds are of its processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from engine.assembly.automation import open_automation, open_automation_worker
from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_store
from engine.audience.store import EVENTS, USERS, Write
from engine.errors import Diagnostic
from engine.pipeline.automation.crew import Crew, Ended, ThreadCrew
from engine.pipeline.automation.job import Automation
from engine.queueing.alarms import DepthAlarm

CAMPAIGN = """
name: cart
type: abandoned_cart
priority: high
audience: {source: "store:", key: user_id, types: {offers: INTEGER}}
events: {cart_abandoned: {total: number}, order_placed: {}}
trigger: {event: cart_abandoned, when: event.total >= 20}
exit: [{event: order_placed}]
workflow:
  - {id: remind, type: send_email, template: remind}
  - {id: noted, type: update_user_data, set: {offers: "coalesce(offers, 0) + 1"}}
  - {id: pause, type: wait_condition, for: 2 days}
  - {id: again, type: send_email, template: remind}
delivery:
  transport: "rehearsal:"
  from: {address: shop@example.com, name: Shop}
  unsubscribe: {url: https://shop.example.com/u/}
  postal_address: 4 Orchard Lane, Bristol
  secret: env:MAILRAY_BENCHMARK_SECRET
"""
HTML = "<html><body><h1>Your basket</h1><p>{{ first_name or 'Hello' }}, £{{ event.total }}. {{ unsubscribe_url }}</p></body></html>"


class Silent:
    def counted(self, counts: Mapping[str, int], waiting: int) -> None:
        return None

    def alarm(self, alarm: DepthAlarm) -> None:
        return None

    def fault(self, what: str, diagnostics: Sequence[Diagnostic]) -> None:
        raise SystemExit(f"{what}: {diagnostics[0]}")


class Timed:
    """A crew that adds up what its tasks took."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self.workers, self.demand, self.start = crew.workers, crew.demand, crew.start
        self.stop, self.close = crew.stop, crew.close
        self.seconds: dict[str, float] = {}
        self.tasks: dict[str, int] = {}

    def ended(self, seconds: float) -> Sequence[Ended]:
        ended = self._crew.ended(seconds)
        for each in ended:
            name = type(each.task).__name__
            self.seconds[name] = self.seconds.get(name, 0.0) + each.seconds
            self.tasks[name] = self.tasks.get(name, 0) + 1
            stages = getattr(each.outcome, "stages", {})
            for stage, figure in stages.items():
                self.seconds[f"  {stage}"] = self.seconds.get(f"  {stage}", 0.0) + figure["seconds"]
        return ended


def written(folder: Path) -> Path:
    campaign = folder / "cart"
    (campaign / "templates").mkdir(parents=True)
    (campaign / "campaign.yaml").write_text(CAMPAIGN)
    (campaign / "templates" / "remind.html.j2").write_text(HTML)
    (campaign / "templates" / "remind.subject.j2").write_text(
        "Your basket{% if first_name %}, {{ first_name }}{% endif %}\n"
    )
    return campaign


def ingest(settings: AppSettings, people: int, *, events: bool) -> None:
    store = open_store(settings.stores_at)
    ids = [f"u{number}" for number in range(people)]
    now = pa.array([datetime.now(UTC)] * people, pa.timestamp("us", "UTC"))
    if events:
        columns = {
            "event_id": pa.array([f"e{each}" for each in ids]),
            "user_id": pa.array(ids),
            "event_type": pa.repeat("cart_abandoned", people),
            "event_time": now,
            "campaign_id": pa.nulls(people, pa.string()),
            "properties": pa.repeat('{"total": 30.5}', people),
        }
        store.put_events(pa.RecordBatch.from_arrays([columns[name] for name in EVENTS.names], schema=EVENTS))
    else:
        schema = pa.schema([USERS.field(name) for name in ("user_id", "email", "first_name")])
        columns = {"user_id": pa.array(ids), "email": pa.array([f"{each}@example.com" for each in ids])}
        arrays = [columns["user_id"], columns["email"], pa.repeat("Ann", people)]
        store.put_users(pa.RecordBatch.from_arrays(arrays, schema=schema), Write("benchmark", "people", "all", 1))
    store.close()


def worked(campaign: Path, settings: AppSettings) -> tuple[Mapping[str, int], Timed]:
    with open_automation([campaign], settings) as opened:
        crew = Timed(ThreadCrew(open_automation_worker(opened.job), time.monotonic))
        automation = Automation(opened.parts, crew, Silent())
        automation.run(lambda: False, drain=True)
        crew.close()
        return dict(automation.counts), crew


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    os.environ["MAILRAY_BENCHMARK_SECRET"] = "not a secret, for these messages go nowhere"
    with tempfile.TemporaryDirectory() as folder:
        campaign = written(Path(folder))
        settings = AppSettings.load(runs=Path(folder) / "runs", runner="inline")
        ingest(settings, asked.people, events=False)
        worked(campaign, settings)  # a workflow hears of what happens after it was first live
        ingest(settings, asked.people, events=True)
        began, cpu = time.perf_counter(), time.process_time()
        counts, crew = worked(campaign, settings)
        seconds, used = time.perf_counter() - began, time.process_time() - cpu
    assert counts["accepted"] == asked.people, counts
    figures = {
        "people": asked.people,
        "events_per_second": asked.people / seconds,
        "cpu_us_per_event": 1e6 * used / asked.people,
        "tasks": crew.tasks,
        "seconds": crew.seconds,
    }
    if asked.json:
        print(json.dumps(figures))
        return
    table = Table("task, and its stages", "tasks", "seconds", title=f"{asked.people:,} events in {seconds:.1f} s")
    for name, took in crew.seconds.items():
        table.add_row(name, f"{crew.tasks.get(name, 0) or ''}", f"{took:.2f}")
    console = Console()
    console.print(table)
    console.print(
        f"{asked.people / seconds:,.0f} events a second, {1e6 * used / asked.people:,.0f} µs of processor time each"
    )


if __name__ == "__main__":
    main()
