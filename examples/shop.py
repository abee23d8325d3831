"""The customers of a tea shop and what they do, for the workflows in ``examples/workflows``.

    python -m examples.shop [--people 400] [--days 90] [--start 2026-03-02] [--folder examples/workflows]

Writes ``people.jsonl`` and ``events.jsonl.gz`` as ``mailray ingest customers`` and ``mailray ingest events`` take them. Each person is
drawn from the seed and their number alone, so the same arguments give the same files. No address leads to anybody (RFC 2606).
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from examples.customers.names import FIRST_NAMES, local_part

SEED = "kettle and vine"
ZONES = ("Europe/London", "Europe/Berlin", "America/New_York", "Asia/Tokyo")
TEAS = (("green", "Sencha"), ("oolong", "Iron Goddess"), ("black", "Assam"), ("white", "Silver Needle"))
Row = dict[str, Any]


def person(number: int, start: datetime) -> Row:
    """A customer as known when the story begins."""
    draw = Random(f"{SEED} person {number}")  # noqa: S311
    first = FIRST_NAMES[min(int(draw.expovariate(1 / 60)), len(FIRST_NAMES) - 1)]
    age = timedelta(days=draw.randint(30, 1_500), minutes=draw.randint(0, 1_439))
    quiet = timedelta(days=min(age.days - 1, int(draw.expovariate(1 / 45))))
    orders = min(int(draw.expovariate(1 / 2.5)), 30)
    known: Row = {
        "user_id": f"K{number:06d}",
        "email": f"{local_part(first) or 'tea'}.{number}@example.com",
        "first_name": first if draw.random() > 0.03 else None,
        "subscription_status": "active",
        "time_zone": draw.choices(ZONES, (70, 15, 10, 5))[0],
        "created_at": (start - age).isoformat(),
        "last_activity": (start - quiet).isoformat(),
        "orders": orders,
        "spent": round(sum(draw.uniform(9, 70) for _ in range(orders)), 2),
    }
    if draw.random() < 0.6:
        known["favourite"] = draw.choice(TEAS)[0]
    if draw.random() < 0.2:
        known["club"] = draw.choice(("trial", "member"))
    return known


def doings(number: int, start: datetime, days: int) -> Iterator[Row]:
    """What a person does in these days, in the order of time."""
    draw = Random(f"{SEED} doings {number}")  # noqa: S311
    mood = Random(f"{SEED} mood {number}")  # noqa: S311
    user = f"K{number:06d}"
    told = 0

    def event(kind: str, at: datetime, **properties: Any) -> Row:
        nonlocal told
        told += 1
        return {
            **{"event_id": f"{user}-{told}", "user_id": user, "event_type": kind, "event_time": at.isoformat()},
            "properties": properties,
        }

    end = start + timedelta(days=days)
    if draw.random() < 0.25:
        at = start + timedelta(days=draw.uniform(0, days * 0.6))
        yield event("signed_up", at, **{"from": draw.choice(("search", "friend", "market"))})
        if mood.random() < 0.3:  # while the letters of the nurture sequence come
            yield event("club_joined", at + timedelta(days=mood.uniform(13, 26)))
    views: dict[str, int] = {}
    at = start
    while (at := at + timedelta(days=draw.expovariate(1 / 12))) < end:
        kind, name = draw.choice(TEAS)
        views[kind] = views.get(kind, 0) + 1
        yield event("site_visit", at, page="home")
        yield event("product_viewed", at + timedelta(minutes=1), sku=f"T-{kind}", name=name, views=views[kind])
        fate, total = draw.random(), round(draw.uniform(8, 95), 2)
        if fate < 0.4:
            left = at + timedelta(minutes=9)
            yield event("cart_abandoned", left, total=total, pieces=draw.randint(1, 4), first_item=name)
            if draw.random() < 0.3:
                back = left + timedelta(hours=draw.uniform(0.2, 60))
                yield event("site_visit", back, page="basket")
                if mood.random() < 0.8:
                    yield event("order_placed", back + timedelta(minutes=4), total=total)
        elif fate < 0.55:
            yield event("order_placed", at + timedelta(minutes=7), total=total)
    if draw.random() < 0.04:
        yield event("club_joined", start + timedelta(days=draw.uniform(1, days)))


def write(folder: Path, people: int, start: datetime, days: int) -> tuple[Path, Path]:
    """Make both files; events of all people in the order of time."""
    known, happened = folder / "people.jsonl", folder / "events.jsonl.gz"
    rows = [person(number, start) for number in range(people)]
    events = [each for number in range(people) for each in doings(number, start, days)]
    events.sort(key=lambda each: (each["event_time"], each["event_id"]))
    known.write_text(_lines(rows), encoding="utf-8")
    happened.write_bytes(gzip.compress(_lines(events).encode(), mtime=0))
    return known, happened


def _lines(rows: list[Row]) -> str:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="The customers of a tea shop and what they do.")
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--start", default="2026-03-02")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "workflows")
    asked = parser.parse_args()
    for path in write(asked.folder, asked.people, datetime.fromisoformat(asked.start).replace(tzinfo=UTC), asked.days):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
