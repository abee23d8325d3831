"""``mailray automate``: workflows go on with whatever happens, until the job is told to stop."""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import UsageError
from jobs.console import err, out, print_counts, print_json
from jobs.options import Address, Json, RunnerOption, Transport

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from engine.assembly.automation import OpenAutomation
    from engine.assembly.settings import AppSettings
    from engine.pipeline.automation.crew import Crew
    from engine.pipeline.automation.parts import Watch
    from jobs.watching import AutomationLines

Folders = Annotated[list[Path], typer.Argument(metavar="DIR...", help="The workflows' folders, campaign.yaml in each.")]
Drain = Annotated[
    bool, typer.Option("--drain", help="End when there is nothing left that could be done now, instead of waiting.")
]

Metrics = Annotated[
    str | None,
    typer.Option(
        metavar="[HOST:]PORT",
        help="Serve /metrics for Prometheus there; HOST is 127.0.0.1 if absent, and PORT 0 is any free one.",
    ),
]

_NAME = r"\w[\w-]{0,62}"
_PLACE = re.compile(
    rf"((\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>({_NAME}\.)*{_NAME})?):)?(?P<port>[0-9]{{1,5}})", re.ASCII
)


def command(
    folders: Folders,
    transport: Transport = None,
    runner: RunnerOption = None,
    address: Address = None,
    drain: Drain = False,
    metrics: Metrics = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before mail leaves this machine.")] = False,
    json: Json = False,
) -> int:
    """Let people enter workflows, move them on, and send what they are to get, until interrupted; exit code 1 when messages failed."""
    from engine.assembly.automation import open_automation
    from engine.assembly.settings import AppSettings
    from engine.pipeline.automation.job import Automation
    from jobs.execute import check_runner
    from jobs.watching import AutomationLines

    place = None if metrics is None else _place(metrics)
    settings = AppSettings.load(runner=runner, address=address, transport=transport)
    check_runner(settings)
    with (
        _exposed(place) as registry,
        open_automation(folders, settings, partial(_ask, yes=yes)) as opened,
        _crew(opened, settings) as crew,
        _stopped() as stopped,
    ):
        lines = AutomationLines(quiet=json, levels=opened.parts.dispatcher.figures)
        automation = Automation(opened.parts, crew, _watch(opened, crew, lines, registry))
        automation.run(stopped.is_set, drain=drain)
        counts = dict(automation.counts)
    if json:
        print_json({"workflows": list(opened.job.workflows), "counts": counts, "runs": opened.runs})
    else:
        print_counts("done", counts)
        for run in opened.runs.values():
            out.print(f"mailray status {run}", markup=False, soft_wrap=True)
    return 1 if counts.get("rejected") or counts.get("unknown") else 0


def _ask(leaving: Sequence[str], *, yes: bool) -> None:
    if leaving and not yes and sys.stdin.isatty():
        typer.confirm(f"Send what {', '.join(leaving)} decide away from this machine?", abort=True)


def _place(text: str) -> tuple[str, int]:
    """Raises UsageError (MR006)."""
    found = _PLACE.fullmatch(text)
    if found is None or int(found["port"]) > 65_535:
        raise UsageError.single(
            "MR006", f"--metrics `{text}` is no address to listen on", help="write 9464, 127.0.0.1:9464 or [::1]:9464"
        )
    return found["ipv6"] or found["host"] or "127.0.0.1", int(found["port"])


@contextmanager
def _exposed(place: tuple[str, int] | None) -> Iterator[CollectorRegistry | None]:
    if place is None:
        yield None
        return
    from prometheus_client import CollectorRegistry

    from engine.adapters.web.exposition import exposed

    registry = CollectorRegistry()
    with exposed(registry, *place) as url:
        err.print(f"metrics: {url}", markup=False, soft_wrap=True)
        yield registry


def _watch(opened: OpenAutomation, crew: Crew, lines: AutomationLines, registry: CollectorRegistry | None) -> Watch:
    if registry is None:
        return lines
    from engine.assembly.automation_metrics import AutomationMetrics

    return AutomationMetrics(opened.parts, crew, lines, registry)


@contextmanager
def _crew(opened: OpenAutomation, settings: AppSettings) -> Iterator[Crew]:
    if settings.runner == "inline":
        import time

        from engine.assembly.automation import open_automation_worker
        from engine.pipeline.automation.crew import ThreadCrew

        crew = ThreadCrew(open_automation_worker(opened.job), time.monotonic)
        try:
            yield crew
        finally:
            crew.close()
        return
    from engine.cluster.automation import ray_crew

    with ray_crew(
        opened.job,
        workers=opened.workers,
        address=settings.address,
        object_store_mib=settings.object_store_mib,
        most_cpus=settings.most_cpus,
        decided=opened.decided,
    ) as many:
        yield many


@contextmanager
def _stopped() -> Iterator[threading.Event]:
    """Set by the first signal that ends a command; a second one ends it at once."""
    stopped = threading.Event()

    def stop(number: int, _frame: object) -> None:
        if stopped.is_set():
            signal.signal(number, before[signal.Signals(number)])
            signal.raise_signal(number)
        err.print("stopping: what is in hand comes to its end first")
        stopped.set()

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
