"""A simulation as one HTML page that needs nothing but itself: no script, no request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from engine.campaign.schema import Priority
from engine.report.charts import COLOURS, Axis, Series, heat_map, lines, stacked_bars
from engine.report.rendering import Bar, bars, template

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOST_LABELS = 14
_PRIORITY_COLOURS = {"critical": 5, "high": 2, "normal": 1, "low": 6, "batch": 4}
_LOST = {
    "before": "before the start",
    "after": "after the end",
    "strangers": "of unknown people",
    "refused": "unreadable",
}


def render_simulation(summary: Mapping[str, Any]) -> str:
    """The page of what ``simulation.json`` holds."""
    days, workflows, verdicts = summary["days"], summary["workflows"], summary["messages"]["verdicts"]
    names = [_day(summary["start"], number) for number in range(days)]
    days_below = _labels([each.strftime("%-d %b") for each in names])
    capped = [(each["name"], sum(each["by_day"]["capped"])) for each in workflows]
    return template("simulation.html.j2").render(
        **summary,
        title=_title([each["name"] for each in workflows]),
        entered=sum(each["entered"] for each in workflows),
        lost=", ".join(_lost(summary["events"])),
        volume=_volume(workflows, Axis("messages", days_below), names),
        heat=_heat(summary["by_weekday_and_hour"]["sent"]),
        funnels=[_funnel(each) for each in workflows],
        passages=[_passages(each, Axis("people", days_below)) for each in workflows],
        verdicts=bars((name, count) for name, count in verdicts.items() if count),
        a_person=bars(_to_the_last(summary["people_by_messages"])),
        put_off=bars(_to_the_last(summary["put_off_by_hours"], " h", "less than 1 h")),
        capped=bars((name, count) for name, count in capped if count),
        **_queue(summary["queue"], summary["start"], days),
    )


def _title(names: Sequence[str]) -> str:
    return " · ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} workflows beside it"


def _lost(events: Mapping[str, Any]) -> Iterator[str]:
    for name, words in _LOST.items():
        if events[name]:
            yield f"{events[name]:,} {words}"


def _volume(workflows: Sequence[Mapping[str, Any]], axis: Axis, names: Sequence[datetime]) -> Markup:
    series = [
        Series(each["name"], each["by_day"]["sent"], number % COLOURS + 1) for number, each in enumerate(workflows)
    ]
    return stacked_bars("messages sent by day", series, axis, [f"{each:%a} {each.day} {each:%b %Y}" for each in names])


def _heat(hours: Sequence[Sequence[int]]) -> Markup:
    return heat_map("messages sent by weekday and hour", WEEKDAYS, [f"{hour:02}" for hour in range(24)], hours)


def _funnel(workflow: Mapping[str, Any]) -> list[Bar]:
    """The steps, each with how many came to it, and how it ended for them or where they went."""
    entered = workflow["entered"] or 1
    largest = max([workflow["entered"], *(each["visits"] for each in workflow["steps"])]) or 1
    drawn = [Bar("entered", workflow["entered"], 100 * workflow["entered"] / largest)]
    for step in workflow["steps"]:
        note = ", ".join([f"{step['visits'] / entered:.0%}", *_notes(step)])
        drawn.append(Bar(step["id"], step["visits"], 100 * step["visits"] / largest, note))
    return drawn


def _notes(step: Mapping[str, Any]) -> Iterator[str]:
    if "messages" in step:
        yield from (f"{count:,} {name.replace('_', ' ')}" for name, count in step["messages"].items() if count)
    elif step["ways"]:
        yield from (f"{count:,} {way or 'nothing'}" for way, count in step["ways"].items())
    else:
        yield from (f"{count:,} {name.replace('_', ' ')}" for name, count in step["outcomes"].items() if name != "done")


def _passages(workflow: Mapping[str, Any], axis: Axis) -> Markup:
    by_day = workflow["by_day"]
    ended = [
        Series(name, days, colour) for colour, (name, days) in zip((3, 2, 5), by_day["ended"].items(), strict=True)
    ]
    series = [Series("entered", by_day["entered"], 1), *(each for each in ended if any(each.values))]
    goals = [Series("goal", by_day["goals"], 4, dashed=True)] if any(by_day["goals"]) else []
    return lines(f"{workflow['name']}: entries and ends by day", [*series, *goals], axis)


def _queue(queue: Mapping[str, Any], start: str, days: int) -> dict[str, Markup]:
    names = [_day(start, number).strftime("%-d %b") for number in range(days)]
    below = [(24 * place, text) for place, text in _labels(names)]
    order = [str(each) for each in Priority if str(each) in queue["by_hour"]]
    colours = _PRIORITY_COLOURS
    work = [Series(name, queue["by_hour"][name]["items"], colours[name]) for name in order]
    waits = [
        Series(
            name,
            queue["by_hour"][name]["longest_wait_seconds"],
            colours[name],
            queue["priorities"][name]["may_wait_seconds"],
        )
        for name in order
    ]
    return {
        "work": lines("items by hour", work, Axis("items", below)),
        "waits": lines("longest waits", waits, Axis("wait", below), seconds=True),
    }


def _to_the_last(counts: Sequence[int], unit: str = "", first: str = "") -> list[tuple[str, float]]:
    """Classes from the first to the last that has any; of the last of all it is said that there may be more in each."""
    last = max((place for place, count in enumerate(counts) if count), default=-1)
    names = [f"{place}{unit}{' and more' if place == len(counts) - 1 else ''}" for place in range(last + 1)]
    if names and first:
        names[0] = first
    return list(zip(names, counts, strict=False))


def _labels(names: Sequence[str]) -> list[tuple[int, str]]:
    """No more labels than fit beside one another; weeks where there are many days."""
    step = 1 if len(names) <= MOST_LABELS else 7 * max(1, -(-len(names) // (7 * MOST_LABELS)))
    return [(place, names[place]) for place in range(0, len(names), step)]


def _day(start: str, number: int) -> datetime:
    return datetime.fromisoformat(start) + timedelta(days=number)
