"""Events and triggers over HTTP, each durable before it is answered, beside a server that does nothing with a request.

    python -m benchmarks.intake [--triggers 20000] [--rounds 5] [--json]

Every server runs in a process of its own and is asked in every round over 64 kept connections by this process, a connection's next
request when its last one was answered. Figures are medians of the rounds; `times` is the median of how many of the requests that the
server alone answered in the same round were answered; `µs` is the server's own processor time for one event or trigger.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.events import database
from benchmarks.posting import Serving, event, post, serving, trigger
from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_executions
from tests.conftest import PostgresServer

WORKFLOW = "welcome"
ALONE = "the HTTP server alone"
BATCHES = (1, 10, 100)
SHARE = {1: 2, 10: 1, 100: 1}  # one of so many, of all triggers: requests of one take longest


@dataclass(frozen=True)
class Subject:
    name: str
    server: Serving
    path: str
    member: Callable[[str], str]


@dataclass(frozen=True)
class Figure:
    """Of one subject, with so many in a request: in each round requests a second, and the server's µs for each."""

    name: str
    batch: int
    requests: list[float]
    microseconds: list[float]


def started(stack: ExitStack, server: PostgresServer) -> list[Subject]:
    """All servers, and what each is asked for."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    (folder / "password").write_text(server.password)
    database = {"MAILRAY_STORE": server.url, "MAILRAY_STORE_PASSWORD": f"file:{folder / 'password'}"}
    subjects = [Subject(ALONE, stack.enter_context(serving(folder, None)), "/", trigger)]
    for store, settings in (("SQLite", {}), ("PostgreSQL", database)):
        (folder / store).mkdir()
        define(folder / store, settings)
        serves = stack.enter_context(serving(folder / store, settings))
        subjects.append(Subject(f"{store}, triggers", serves, f"/workflows/{WORKFLOW}/trigger", trigger))
        subjects.append(Subject(f"{store}, events", serves, "/events", event))
    return subjects


def define(folder: Path, settings: Mapping[str, str]) -> None:
    """A workflow that people may be named to."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        os.environ.update(settings)
        executions = open_executions(AppSettings.load().stores_at)
        executions.define(WORKFLOW, "1", "{}")
        executions.close()
    finally:
        os.chdir(before)
        for name in settings:
            del os.environ[name]


def measured(subjects: list[Subject], triggers: int, rounds: int) -> list[Figure]:
    figures = [Figure(each.name, batch, [], []) for batch in BATCHES for each in subjects]
    for each in subjects:
        post(each.server.port, each.path, each.member, 500, 1, "warm")
    for number in range(rounds):
        waiting = iter(figures)
        for batch in BATCHES:
            requests = triggers // SHARE[batch] // batch
            for each in subjects:
                figure, before = next(waiting), each.server.cpu()
                figure.requests.append(post(each.server.port, each.path, each.member, requests, batch, str(number)))
                figure.microseconds.append((each.server.cpu() - before) / requests / batch * 1e6)
    return figures


def shown(figures: list[Figure]) -> Table:
    table = Table(title="Over HTTP, durable", title_justify="left")
    for heading in ("subject", "a request", "requests/s", "events/s", "times", "µs"):
        table.add_column(heading, justify="left" if heading == "subject" else "right")
    for each in figures:
        (alone,) = (other for other in figures if (other.name, other.batch) == (ALONE, each.batch))
        times = statistics.median(own / free for own, free in zip(each.requests, alone.requests, strict=True))
        rate = statistics.median(each.requests)
        cost = statistics.median(each.microseconds)
        table.add_row(
            each.name, str(each.batch), f"{rate:,.0f}", f"{rate * each.batch:,.0f}", f"{times:.2f}", f"{cost:.0f}"
        )
    return table


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.intake")
    arguments.add_argument("--triggers", type=int, default=20_000, help="in requests of ten and of a hundred")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = arguments.parse_args()
    with database() as (server, _), ExitStack() as stack:
        figures = measured(started(stack, server), options.triggers, options.rounds)
    if options.json:
        print(json.dumps([each.__dict__ for each in figures], indent=2))
    else:
        Console().print(shown(figures))


if __name__ == "__main__":
    main()
