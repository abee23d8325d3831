"""``mailray simulate``: workflows under a virtual clock, with no effects."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from jobs.console import err, out, print_counts, print_json, print_table
from jobs.options import Json, instant
from jobs.progress import SECONDS_BETWEEN_LINES

MOST_DAYS = 14  # that are told one by one
REFUSED = 1  # the exit code when rows of events were refused

Telling = Callable[[str, int, int | None], None]

Folders = Annotated[
    list[Path], typer.Argument(metavar="DIR...", help="The folders of workflows that run beside one another.")
]
Days = Annotated[int, typer.Option("--days", min=1, max=731, metavar="N", help="So many days.")]
Events = Annotated[
    list[str] | None,
    typer.Option(
        "--events",
        metavar="FILE",
        help="Events in Parquet, CSV or JSON lines, as `mailray ingest events` takes them; repeatable.",
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--start",
        metavar="INSTANT",
        help="When it begins (ISO 8601); the first event's day, or the present, if absent.",
    ),
]
People = Annotated[
    str | None,
    typer.Option(
        "--people",
        metavar="FILE",
        help="The people instead of the campaigns' own: an audience, or for `store:` customers as `mailray ingest customers` takes them.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="A folder for the result; simulations/NAME-INSTANT if absent."),
]
CapacityOption = Annotated[
    int | None,
    typer.Option(
        "--capacity", min=1, metavar="N", help="Items a second that the queue's workers are taken to do (2,000)."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, metavar="N", help="Processes; as many as there are processors if absent."),
]


def command(
    folders: Folders,
    days: Days = 90,
    events: Events = None,
    start: Start = None,
    people: People = None,
    out_folder: Out = None,
    capacity: CapacityOption = None,
    workers: Workers = None,
    json: Json = False,
) -> int:
    """Say who would get what when, without an effect or a message; exit code 1 when rows of events were refused."""
    from engine.assembly.settings import AppSettings
    from engine.assembly.simulation import Request, SimulationFolder, open_workflows, simulate
    from engine.pipeline.simulation.load import CAPACITY
    from engine.report.simulation import render_simulation

    now = datetime.now(UTC)
    begin = None if start is None else instant(start, "--start")
    settings = AppSettings.load()
    request = Request(
        folders=folders,
        days=days,
        stores=settings.stores_at,
        events=events or (),
        people=people,
        start=begin,
        capacity=capacity or CAPACITY,
        workers=workers or len(os.sched_getaffinity(0)),
    )
    opened = open_workflows(settings, request, begin or now)
    name = opened[0].campaign.name
    folder = SimulationFolder(out_folder or Path("simulations") / f"{name}-{now:%Y%m%dT%H%M%S%fZ}")
    folder.create()
    with _telling(json) as telling:
        summary = simulate(opened, request, folder, telling)
    folder.page.write_text(render_simulation(summary), encoding="utf-8")
    if json:
        print_json(summary)
    else:
        _print(summary, folder.page)
    return REFUSED if summary["events"]["refused"] else 0


def _print(summary: Mapping[str, Any], page: Path) -> None:
    _print_events(summary["events"])
    out.print(
        f"[bold]{summary['days']} days[/] from {summary['start']}  {summary['people']:,} people  "
        f"{summary['messages']['decided']:,} messages decided on, {summary['messages']['verdicts']['sent']:,} sent",
        soft_wrap=True,
    )
    for workflow in summary["workflows"]:
        print_table(f"{workflow['name']}: {_words(workflow)}", _steps(workflow))
    verdicts = {name: count for name, count in summary["messages"]["verdicts"].items() if count}
    print_counts("messages by verdict", verdicts, summary["messages"]["decided"])
    out.print(f"  {summary['messages']['moved']:,} put off by quiet hours or `send_at`", markup=False)
    print_table("sent by day", _days(summary))
    print_table("sent by hour", _hours(summary))
    print_table(f"queue, at {summary['queue']['capacity']:,} items a second", _queue(summary["queue"]))
    out.print(
        f"\n{summary['seconds']:,.1f} s, {summary['users_days_a_second']:,} users x days a second. "
        f"Who gets what when: {summary['messages_file']}. The page: {page}",
        markup=False,
        soft_wrap=True,
    )


def _print_events(events: Mapping[str, Any]) -> None:
    """What of the events was of no use, as warnings."""
    for each in events["first_refused"]:
        err.print(f"warning: {each['source']}:{each['line']}: {each['reason']}", markup=False, soft_wrap=True)
    for each in events["unknown"]:
        near = f"; did you mean `{each['near']}`?" if each["near"] else ""
        err.print(
            f"warning: {each['count']:,} events `{each['event']}` are of an unknown type{near}",
            markup=False,
            soft_wrap=True,
        )
    for name, words in (
        ("before", "before the start"),
        ("after", "after the end"),
        ("strangers", "of people who are not there"),
    ):
        if events[name]:
            err.print(f"warning: {events[name]:,} events {words} were left out", markup=False)


def _words(workflow: Mapping[str, Any]) -> str:
    ended = workflow["ended"]
    words = [f"{workflow['entered']:,} entered", *(f"{count:,} {name}" for name, count in ended.items())]
    words += [f"{workflow['alive']:,} still in it", f"{workflow['goals']:,} reached the goal"]
    refused = [f"{count:,} {name.replace('_', ' ')}" for name, count in workflow["refused"].items()]
    return ", ".join(words) + (f"; not let in: {', '.join(refused)}" if refused else "")


def _steps(workflow: Mapping[str, Any]) -> Table:
    table = Table(
        "step", "visits", "sent", "capped", "other", "put off", "first", "last", box=None, padding=(0, 2, 0, 0)
    )
    for column in table.columns[1:6]:
        column.justify = "right"
    for step in workflow["steps"]:
        row = [escape(step["id"]), f"{step['visits']:,}"]
        if "messages" in step:
            sent, capped = step["messages"]["sent"], step["messages"]["capped"]
            other = sum(step["messages"].values()) - sent - capped
            row += [f"{sent:,}", f"{capped:,}", f"{other:,}", f"{step['moved']:,}"]
            row += [(step[name] or "")[:16].replace("T", " ") for name in ("first", "last")]
        table.add_row(*row)
    return table


def _days(summary: Mapping[str, Any]) -> Table:
    """Day by day, or of many days by weeks."""
    step = 1 if summary["days"] <= MOST_DAYS else 7
    days = {each["name"]: each["by_day"]["sent"] for each in summary["workflows"]}
    table = Table("day" if step == 1 else "days", *days, "total", box=None, padding=(0, 2, 0, 2))
    for column in table.columns[1:]:
        column.justify = "right"
    for first in range(0, summary["days"], step):
        sums = [sum(each[first : first + step]) for each in days.values()]
        last = min(first + step, summary["days"])
        name = f"{last}" if step == 1 else f"{first + 1}-{last}"
        table.add_row(name, *(f"{each:,}" for each in sums), f"{sum(sums):,}")
    return table


def _hours(summary: Mapping[str, Any]) -> Table:
    table = Table(f"hour ({summary['timezone']})", "decided", "sent", box=None, padding=(0, 2, 0, 2))
    hours = summary["by_weekday_and_hour"]
    for column in table.columns[1:]:
        column.justify = "right"
    for hour in range(24):
        counts = [sum(day[hour] for day in hours[name]) for name in ("decided", "sent")]
        if any(counts):
            table.add_row(f"{hour:02}", *(f"{each:,}" for each in counts))
    return table


def _queue(queue: Mapping[str, Any]) -> Table:
    table = Table("priority", "items", "most in a minute", "longest wait", "may wait", box=None, padding=(0, 2, 0, 2))
    for column in table.columns[1:]:
        column.justify = "right"
    for name, each in queue["priorities"].items():
        late = each["longest_wait_seconds"] > each["may_wait_seconds"]
        waits = f"{each['longest_wait_seconds']:,.2f} s"
        table.add_row(
            name,
            f"{each['items']:,}",
            f"{each['most_in_a_minute']:,}",
            f"[red]{waits}[/]" if late else waits,
            f"{each['may_wait_seconds']:,.0f} s",
        )
    return table


@contextmanager
def _telling(quiet: bool) -> Iterator[Telling]:
    """Who tells of the progress: bars on a terminal, a line now and then elsewhere."""
    if quiet:
        yield lambda *_: None
    elif not err.is_terminal:
        yield _lines()
    else:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
        with Progress(*columns, TimeRemainingColumn(), console=err) as progress:
            tasks: dict[str, TaskID] = {}

            def bar(phase: str, done: int, total: int | None) -> None:
                if phase not in tasks:
                    for task in tasks.values():
                        progress.stop_task(task)
                    tasks[phase] = progress.add_task(phase, total=total, words="")
                progress.update(tasks[phase], completed=done, words=_share(done, total))

            yield bar


def _lines() -> Telling:
    told_at, told_of = time.monotonic(), ""

    def line(phase: str, done: int, total: int | None) -> None:
        nonlocal told_at, told_of
        if phase != told_of or time.monotonic() - told_at >= SECONDS_BETWEEN_LINES:
            told_at, told_of = time.monotonic(), phase
            err.print(f"{phase}: {_share(done, total)}", markup=False)

    return line


def _share(done: int, total: int | None) -> str:
    return f"{done:,} rows" if total is None else f"{done / max(total, 1):.0%}"
