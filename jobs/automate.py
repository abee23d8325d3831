"""``mailray automate``: workflows go on with whatever happens, until the job is told to stop."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import err, out, print_counts, print_json
from jobs.options import Address, Json, RunnerOption, Transport

if TYPE_CHECKING:
    from engine.assembly.automation import OpenAutomation
    from engine.assembly.settings import AppSettings
    from engine.pipeline.automation.crew import Crew

Folders = Annotated[list[Path], typer.Argument(metavar="DIR...", help="The workflows' folders, campaign.yaml in each.")]
Drain = Annotated[
    bool, typer.Option("--drain", help="End when there is nothing left that could be done now, instead of waiting.")
]


def command(
    folders: Folders,
    transport: Transport = None,
    runner: RunnerOption = None,
    address: Address = None,
    drain: Drain = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before mail leaves this machine.")] = False,
    json: Json = False,
) -> int:
    """Let people enter workflows, move them on, and send what they are to get, until interrupted; exit code 1 when messages failed."""
    from engine.assembly.automation import open_automation
    from engine.assembly.settings import AppSettings
    from engine.pipeline.automation.job import Automation
    from jobs.execute import check_runner
    from jobs.watching import AutomationLines

    settings = AppSettings.load(runner=runner, address=address, transport=transport)
    check_runner(settings)
    with (
        open_automation(folders, settings, partial(_ask, yes=yes)) as opened,
        _crew(opened, settings) as crew,
        _stopped() as stopped,
    ):
        automation = Automation(opened.parts, crew, AutomationLines(quiet=json))
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
