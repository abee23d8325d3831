"""Suppression while a delivery runs: five seconds after it nothing is sent to the address, and nothing at all goes without the store."""

import time
from typing import Any

import pytest

from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.adapters.stores.suppression_sqlite import SqliteSuppression
from engine.audience.suppression import GLOBAL, Suppression, SuppressionReason
from engine.ledger.states import Reason, State

SECOND = 1_000_000_000
BOUND = 5 * SECOND


@pytest.fixture
def store(runs: Any) -> Any:
    made = SqliteSuppression(runs.folder / "stores" / "suppression.sqlite", "default")
    yield made
    made.close()


def suppress(store: Any, recipient: int, list: str) -> None:
    store.add([Suppression(f"to{recipient}@example.com", list, SuppressionReason.UNSUBSCRIBED, "one-click", 0)])


def await_dots(runs: Any, number: int) -> None:
    until = time.monotonic() + 60
    while len(runs.dots()) < number:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_who_unsubscribes_while_a_run_sends_is_mailed_no_more_within_five_seconds(runs: Any, store: Any) -> None:
    suppress(store, 0, GLOBAL)
    process = runs.start(0, 4_000, 10, rate=250)
    await_dots(runs, 10)
    unsubscribed = {}
    for recipient, list in ((1, "news"), (2, GLOBAL), (3, "offers")):
        suppress(store, recipient, list)
        unsubscribed[recipient] = time.time_ns()
        time.sleep(0.7)
    assert process.wait(120) == 0, process.stderr.read()
    dots = runs.dots()
    assert max(dot.at for dot in dots) > max(unsubscribed.values()) + BOUND
    assert not [dot for dot in dots if dot.recipient == 0]
    for recipient in (1, 2):
        late = [dot.at - unsubscribed[recipient] for dot in dots if dot.recipient == recipient]
        assert late and max(late) < BOUND
    assert sum(dot.recipient == 3 for dot in dots) == 400
    counts = SqliteLedger(runs.folder / "ledger0").counts()
    assert counts.skipped[Reason.SUPPRESSED] == counts[State.SKIPPED] == 4_000 - len(dots)


def test_without_the_store_a_delivery_stops_and_goes_on_with_it(runs: Any, store: Any) -> None:
    suppress(store, 0, GLOBAL)
    process = runs.start(0, 1_500, 10, rate=100)
    await_dots(runs, 20)
    path = runs.folder / "stores" / "suppression.sqlite"
    path.rename(path.with_suffix(".away"))
    gone = time.time_ns()
    assert process.wait(60) == 75
    assert process.stderr.read().strip() == b"MR671"
    sent = runs.dots()
    assert max(dot.at for dot in sent) < gone + BOUND
    path.with_suffix(".away").rename(path)
    assert runs.start(0, 1_500, 10).wait(60) == 0
    assert len(runs.dots()) == 1_350
    assert SqliteLedger(runs.folder / "ledger0").counts().as_dict() == {
        "accepted": 1_350,
        "skipped": {"suppressed": 150},
    }
