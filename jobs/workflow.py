"""``mailray workflow``: the versions of a workflow that executions are pinned to, and the way from one to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from engine.errors import Diagnostic, UsageError
from jobs.console import err, out, print_json, print_rows
from jobs.options import Json

if TYPE_CHECKING:
    from engine.pipeline.migration import Moved, Way

app = typer.Typer(
    name="workflow", help="Look at the versions of a workflow, and move executions between them.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The workflow: its campaign's `name`.")]


@app.command("versions")
def versions(name: Name, json: Json = False) -> None:
    """List the versions of a workflow: how many executions are alive on each, how many have ended, and its steps."""
    from engine.assembly.executions import workflow_versions
    from engine.assembly.settings import AppSettings

    rows = workflow_versions(AppSettings.load(), name)
    if json:
        print_json({"workflow": name, "versions": rows})
        return
    table = Table("version", "alive", "ended", "steps", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(row["version"], f"{row['alive']:,}", f"{row['ended']:,}", escape(", ".join(row["steps"])))
    out.print(table)


@app.command("migrate")
def migrate(
    name: Name,
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="The campaign's folder that holds the version to move to.")
    ],
    steps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OLD=NEW",
            help="Where a step leads: a step of the new version, or `end`; repeatable. Others lead to the step of the same id.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who would move where, and change nothing.")] = False,
    json: Json = False,
) -> int:
    """Move all executions that have not ended to another version. Exit code 1 when some could not be moved yet: run it again."""
    from engine.assembly.executions import migrate_workflow
    from engine.assembly.settings import AppSettings

    version, ways, moved = migrate_workflow(AppSettings.load(), name, to, _read_map(steps or []), dry_run=dry_run)
    left = moved.answering + moved.busy
    if json:
        figures = {"moved": 0 if dry_run else moved.executions, "answering": moved.answering, "busy": moved.busy}
        print_json(
            {
                "workflow": name,
                "version": version,
                "dry_run": dry_run,
                **figures,
                "ways": [_as_dict(way) for way in ways],
            }
        )
    else:
        _print_ways(version, ways, moved, dry_run=dry_run)
    return 1 if left and not dry_run else 0


def _read_map(given: list[str]) -> dict[str, str]:
    """Raises UsageError (MR185) with each that does not say from where to where, or says it anew."""
    steps: dict[str, str] = {}
    faults = []
    for each in given:
        old, _, new = (part.strip() for part in each.partition("="))
        if not old or not new:
            faults.append(Diagnostic("MR185", f"--map `{each}` leads nowhere", help="write OLD=NEW"))
        elif steps.setdefault(old, new) != new:
            faults.append(Diagnostic("MR185", f"--map leads `{old}` to `{steps[old]}` and to `{new}`"))
    if faults:
        raise UsageError(*faults)
    return steps


def _print_ways(version: str, ways: list[Way], moved: Moved, *, dry_run: bool) -> None:
    if not ways and not moved.answering:
        out.print(f"nobody is alive on another version than {version}", markup=False)
        return
    table = Table("from", "step", "to", "executions", "among them", box=None, padding=(0, 2, 0, 0))
    table.columns[3].justify = "right"
    for way in ways:
        table.add_row(
            way.version, escape(way.from_step), escape(way.to_step), f"{way.executions:,}", ", ".join(way.ids)
        )
    print_rows(table)
    out.print(f"{moved.executions:,} {'would move' if dry_run else 'moved'} to {version}", markup=False)
    if moved.answering:
        err.print(f"{moved.answering:,} wait for the answer of a webhook and stay until it is there", markup=False)
    if moved.busy:
        err.print(f"{moved.busy:,} were being worked on; run the command again", markup=False)


def _as_dict(way: Way) -> dict[str, object]:
    return {
        **{"version": way.version, "from": way.from_step, "to": way.to_step},
        **{"executions": way.executions, "ids": way.ids},
    }
