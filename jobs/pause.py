"""``mailray pause``: stop a run that is sending, so that it can be gone on with."""

from __future__ import annotations

from jobs.options import Json, RunPath


def command(run: RunPath, json: Json = False) -> None:
    """Stop a run that is at work anywhere, within two seconds; `mailray resume` goes on with it. Exit code 75 while replies are awaited."""
    from engine.adapters.stores.run_control import Order
    from jobs.orders import give_order

    give_order(run, Order.PAUSE, json=json)
