"""What `pause` and `cancel` have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from engine.adapters.stores.run_control import Order
from engine.assembly.control import order_run
from jobs.console import print_json
from jobs.summaries import print_status


def give_order(run: Path, order: Order, *, json: bool) -> None:
    status = order_run(run, order, datetime.now(UTC))
    if json:
        print_json(status)
    else:
        print_status(status)
