"""``mailray cancel``: end a run for good."""

from __future__ import annotations

from jobs.options import Json, RunPath


def command(run: RunPath, json: Json = False) -> None:
    """Stop a run, at work or not, and skip for good what it has not sent. Exit code 75 while replies are awaited."""
    from engine.adapters.stores.run_control import Order
    from jobs.orders import give_order

    give_order(run, Order.CANCEL, json=json)
