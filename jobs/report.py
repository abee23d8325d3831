"""``mailray report``: the page of a run."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from jobs.console import out, print_json
from jobs.options import Json, RunPath


def command(
    run: RunPath,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    json: Json = False,
) -> None:
    """Write the run's page: funnel, counts, times, capacity decisions and three real messages."""
    from engine.assembly.run import reopen_run
    from engine.assembly.settings import AppSettings
    from engine.report.build import write_report

    path = write_report(reopen_run(run, AppSettings.load(), check_origin=False))
    if json:
        print_json({"report": str(path)})
    else:
        out.print(str(path), soft_wrap=True)
    if show:
        webbrowser.open(path.as_uri())
