"""The tea shop's workflows at work on this machine: people sign up, leave baskets and look again, and are written to over real SMTP.

    python -m examples.automation [--people 400]

Everything is in ``runs/automation-demo``: stores, outboxes, ledgers and, as ``messages/*.eml``, what the inbox received. Whoever's clock
shows a quiet hour is written to when that is over; here that is told as deferred.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from engine.adapters.inbox import BackgroundInbox, InboxSettings
from examples.shop import TEAS, person

WORKFLOWS = sorted(path.parent for path in (Path(__file__).parent / "workflows").glob("*/campaign.yaml"))
FOLDER = Path("runs/automation-demo")


def doings(people: int, now: datetime) -> Iterator[dict[str, Any]]:
    """What happened in the last hours."""
    for number in range(people):
        draw = Random(f"today {number}")  # noqa: S311
        name = draw.choice(TEAS)[1]
        kind, properties = draw.choice(
            (
                ("signed_up", {"from": "market"}),
                ("cart_abandoned", {"total": 48.5, "pieces": 2, "first_item": name}),
                ("product_viewed", {"sku": "T-1", "name": name, "views": 3}),
                ("site_visit", {"page": "home"}),
            )
        )
        at = now - timedelta(hours=draw.uniform(3.1, 4))
        event = {"event_id": f"today-{number}", "user_id": f"K{number:06d}", "event_type": kind}
        yield {**event, "event_time": at.isoformat(), "properties": properties}


def main() -> int:
    parser = argparse.ArgumentParser(description="The tea shop's workflows at work on this machine.")
    parser.add_argument("--people", type=int, default=400)
    people = parser.parse_args().people
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    now = datetime.now(UTC)
    with BackgroundInbox(InboxSettings(folder=FOLDER / "messages", keep_first=50)) as inbox:
        environment = {
            **os.environ,
            **{"MAILRAY_RUNS": str(FOLDER), "MAILRAY_STORES": str(FOLDER / "stores")},
            **{"MAILRAY_TRANSPORT": f"smtp://127.0.0.1:{inbox.port}"},
        }

        def mailray(*arguments: str, lines: str = "") -> int:
            sys.stdout.write(f"$ mailray {' '.join(arguments)}\n")
            sys.stdout.flush()
            command = [sys.executable, "-m", "jobs.cli", *arguments]
            return subprocess.run(command, check=False, env=environment, input=lines, text=True).returncode

        automate = ("automate", *map(str, WORKFLOWS), "--drain", "--yes")
        known = "".join(json.dumps(person(number, now)) + "\n" for number in range(people))
        happened = "".join(json.dumps(each) + "\n" for each in doings(people, now))
        code = (
            mailray("ingest", "customers", "-", "--format", "jsonl", lines=known)
            or mailray(*automate)  # a workflow hears of what happens after it was first live
            or mailray("ingest", "events", "-", "--format", "jsonl", lines=happened)
            or mailray(*automate)
        )
        received = inbox.counts.accepted
    mailray("executions", "list", "--limit", "5")
    sys.stdout.write(f"\nthe inbox received {received:,} messages; the first are in {FOLDER / 'messages'}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
