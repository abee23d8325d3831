"""What every store of people must do with events."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa

from engine.audience.store import ARRIVED, EVENTS, Store

AT = 1_770_000_000_000_000


def batch(*rows: dict[str, Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([row.get(field.name) for row in rows], field.type) for field in EVENTS], schema=EVENTS
    )


def event(id: str, user: str = "ann", type: str = "opened", at: int = AT, **more: Any) -> dict[str, Any]:
    return {"event_id": id, "user_id": user, "event_type": type, "event_time": at, **more}


def ids(*names: str) -> pa.StringArray:
    return pa.array(names, pa.string())


def test_events_are_there_once_in_the_order_of_their_arrival(store: Store) -> None:
    first = batch(event("2"), event("1", at=AT - 5, campaign_id="spring"), event("2", "bob"))
    assert store.put_events(first) == 2
    assert store.put_events(batch(event("3"), event("1", "bob"))) == 1
    found, last = store.events(0, 2)
    assert found.schema.equals(ARRIVED)
    assert found.column("event_id").to_pylist() == ["2", "1"]
    assert 0 < found.column("position")[0].as_py() < found.column("position")[1].as_py() == last < 1 << 52
    assert found.column("campaign_id").to_pylist() == [None, "spring"]
    assert set(found.column("user_id").to_pylist()) == {"ann"}
    more, end = store.events(last, 10)
    assert more.column("event_id").to_pylist() == ["3"]
    assert store.events(end, 10) == (more.slice(0, 0), end)


def test_peoples_events_of_some_types_since_an_instant(store: Store) -> None:
    rows = [
        event("1", at=AT),
        event("2", at=AT - 1),
        event("3", "bob", at=AT + 1),
        event("4", type="clicked", at=AT + 2),
    ]
    store.put_events(batch(*rows, event("5", type="bought"), event("6", "eve")))
    found = store.events_of(ids("bob", "ann"), ["opened", "clicked"], AT)
    assert found.schema.equals(EVENTS)
    assert found.column("event_id").to_pylist() == ["1", "4", "3"]


def test_properties_of_events_are_kept(store: Store) -> None:
    store.put_events(batch(event("1", properties='{"total": 12.5, "items": ["\u00e9"]}'), event("2", properties=None)))
    found = store.events(0, 9)[0].column("properties").to_pylist()
    assert json.loads(found[0]) == {"total": 12.5, "items": ["\u00e9"]}
    assert found[1] is None


def test_whoever_follows_the_events_misses_none_of_several_writers(
    open_store: Callable[[str], Store], tenant: str
) -> None:
    opened = [open_store(tenant) for _ in range(3)]

    def work(number: int) -> None:
        for turn in range(15):
            opened[number].put_events(batch(*(event(f"{number} {turn} {n}") for n in range(7))))

    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(work, number) for number in (0, 1)]
        seen: list[str] = []
        position, over = 0, False
        while not over:
            done = all(each.done() for each in writing)
            found, position = opened[2].events(position, 50)
            seen += found.column("event_id").to_pylist()
            over = done and found.num_rows == 0
    for each in writing:
        each.result()
    assert sorted(seen) == sorted(f"{number} {turn} {n}" for number in (0, 1) for turn in range(15) for n in range(7))
    for each in opened:
        each.close()
