"""``mailray executions``: who is where in a workflow, what became of them, and to let them try again or end them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from engine.errors import UsageError
from jobs.console import out, print_counts, print_json, print_rows, print_table
from jobs.options import Json

if TYPE_CHECKING:
    from engine.pipeline.executions import Intervention

app = typer.Typer(
    name="executions", help="Look at executions of workflows, retry and cancel them.", no_args_is_help=True
)

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Executions, as `executions list` prints them.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say who would be concerned, and change nothing.")]


@app.command("list")
def list_executions(
    workflow: Annotated[str | None, typer.Option("--workflow", metavar="NAME", help="Of one workflow alone.")] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="Of one person alone.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="ready, waiting, done, failed, exited or cancelled; repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, metavar="N", help="No more than so many.")] = 50,
    json: Json = False,
) -> None:
    """List executions by workflow and id; those of one person in the order in which they began."""
    from engine.assembly.executions import list_executions as found
    from engine.assembly.settings import AppSettings

    rows, total = found(AppSettings.load(), workflow, user, state or [], limit)
    if json:
        print_json({"executions": [_plain(row) for row in rows], "total": total})
        return
    table = Table("id", "workflow", "user", "state", "step", "entered", "due", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        cells = (row["execution_id"], row["workflow"], row["user_id"], row["state"], row["step"])
        table.add_row(*map(escape, cells), _minute(row["entered_at"]), _minute(row["due"]))
    print_rows(table) if rows else out.print("no executions")
    if total > len(rows):
        out.print(f"... and {total - len(rows):,} more; --limit shows more of them")


@app.command("show")
def show(
    execution: Annotated[str, typer.Argument(metavar="ID", help="An execution, as `executions list` prints it.")],
    json: Json = False,
) -> None:
    """Say where an execution stands, which steps it executed, what went wrong, and what it cost."""
    from engine.assembly.executions import show_execution
    from engine.assembly.settings import AppSettings

    found = show_execution(AppSettings.load(), execution)
    if json:
        print_json(
            {
                **_plain(found),
                "standing": _plain(found["standing"]),
                "performance": found["performance"],
            }
        )
    else:
        _print_execution(found)


@app.command("retry")
def retry(
    executions: Ids = None,
    workflow: Annotated[
        str | None, typer.Option("--workflow", metavar="NAME", help="With --failed: all of a workflow that failed.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="See --workflow.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Let executions that failed try their step again, with all its tries; others are left as they are."""
    from engine.pipeline.executions import Intervention

    if failed != (workflow is not None):
        raise UsageError.single("MR185", "--workflow and --failed go together", help="`--workflow NAME --failed`")
    _intervene(Intervention.RETRY, executions or [], workflow, dry_run=dry_run, json=json)


@app.command("cancel")
def cancel(
    executions: Ids = None,
    workflow: Annotated[
        str | None, typer.Option("--workflow", metavar="NAME", help="All of a workflow that have not ended.")
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """End executions where they stand; those that have ended are left as they are. What they have decided already is still done."""
    from engine.pipeline.executions import Intervention

    _intervene(Intervention.CANCEL, executions or [], workflow, dry_run=dry_run, json=json)


def _intervene(what: Intervention, ids: list[str], workflow: str | None, *, dry_run: bool, json: bool) -> None:
    from engine.assembly.executions import intervene_in
    from engine.assembly.settings import AppSettings

    if bool(ids) == (workflow is not None):
        raise UsageError.single("MR185", "say which executions are meant", help="either ids or --workflow NAME")
    done, steps = intervene_in(AppSettings.load(), what, ids, workflow, dry_run=dry_run)
    total = sum(steps.values())
    asked = len(set(ids)) if ids else total
    if json:
        print_json({"dry_run": dry_run, "asked": asked, "concerned": total, "done": done, "by_step": steps})
        return
    past, never = {"retry": ("retried", "have not failed"), "cancel": ("cancelled", "have ended already")}[what]
    if dry_run:
        print_counts(f"would be {past}, by step", steps, total)
    else:
        out.print(f"{done:,} {past}" + (f", {asked - done:,} {never}" if ids and asked > done else ""))


def _print_execution(found: Mapping[str, Any]) -> None:
    stands = found["standing"]
    out.print(
        f"execution {found['execution_id']} of {found['workflow_id']}, version {stands['version']}",
        markup=False,
        soft_wrap=True,
    )
    facts = {
        "user": found["user_id"],
        "trigger": found["trigger_event"],
        "status": found["status"],
        "step": stands["step"],
        "began": _second(found["start_time"]),
        "there since": _second(stands["arrived_at"]),
        "due": _second(stands["due"]),
        "awaits": stands["awaits"],
        "longest until": _second(stands["until"]),
        "goal": _second(stands["goal_at"]),
        "ended": _second(found["end_time"]),
        "retries": f"{found['retry_count']:,}",
        "error": (found["error_details"] or {}).get("error_message"),
    }
    table = Table("name", "value", show_header=False, box=None, padding=(0, 2, 0, 2))
    for name, value in facts.items():
        if value:
            table.add_row(name, escape(str(value)))
    out.print(table)
    steps = Table("step", "type", "outcome", "duration", "output", box=None, padding=(0, 2, 0, 2))
    for step in found["steps_executed"]:
        told = step["output"] if step["output"] is not None else step.get("error", "")
        steps.add_row(*map(escape, (step["step_id"], step["step_type"], step["outcome"], _span(step), told)))
    for column in steps.columns:
        column.overflow = "fold"  # what steps put out is long, and often without a space
    print_table("steps executed", steps)
    figures = Table("figure", "value", show_header=False, box=None, padding=(0, 2, 0, 2))
    for name, value in found["performance"].items():
        figures.add_row(name, _figure(value))
    print_table("performance", figures)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def _span(step: Mapping[str, Any]) -> str:
    return str(timedelta(milliseconds=step["duration_ms"]))


def _figure(value: object) -> str:
    if value is None:
        return "not known"
    return f"{value:,.3f}" if isinstance(value, float) else escape(str(value))


def _minute(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M}"


def _second(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%d %H:%M:%S %Z}"
