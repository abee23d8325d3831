"""Plans, runs and their standing, printed for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

from engine.campaign.checks.audience import STORE
from jobs.console import out, print_counts, print_table

if TYPE_CHECKING:
    from engine.assembly.campaign import OpenCampaign


def print_plan(summary: Mapping[str, Any]) -> None:
    plan = summary["plan"]
    _head(summary)
    print_counts("verdicts", plan["verdicts"], plan["recipients"])
    if plan["segments"]:
        print_table("segments", _segments(plan["segments"]))
    print_table("workflow", _branches(plan["branches"]))
    print_counts("messages by template", plan["templates"], plan["messages"])


def pushdown_of(campaign: OpenCampaign) -> dict[str, Any]:
    """What of the audience's conditions its source does itself, and what is evaluated here: ``where``, and segments by name."""
    audience = campaign.campaign.audience
    return {
        "to": "store" if audience.source == STORE else "files" if audience.query is None else "database",
        "source": campaign.source.name,
        "pushed": campaign.pushdown.pushed,
        "here": {"where": campaign.pushdown.rest, "segments": list(campaign.campaign.segments)},
    }


def print_pushdown(pushdown: Mapping[str, Any]) -> None:
    here = pushdown["here"]
    where = [f"where {here['where']}"] if here["where"] else []
    segments = [f"segments {', '.join(here['segments'])}"] if here["segments"] else []
    out.print(f"\npushed to the {pushdown['to']}: {pushdown['pushed'] or 'nothing'}", markup=False, soft_wrap=True)
    out.print(f"evaluated here: {'; '.join([*where, *segments]) or 'nothing'}", markup=False, soft_wrap=True)


def print_run(summary: Mapping[str, Any]) -> None:
    print_plan(summary)
    print_outcomes(summary["plan"], summary["outcomes"])
    seconds = summary["seconds"]
    if summary["ended"] != "finished":
        help = f": `mailray resume {summary['run']}` goes on with it" if summary["ended"] == "paused" else ""
        out.print(f"\nThe run was {summary['ended']}{help}.", markup=False, soft_wrap=True)
    elif deferred := summary["outcomes"].get("deferred"):
        out.print(
            f"\n{deferred:,} deferred: `mailray resume {summary['run']}` waits for them.", markup=False, soft_wrap=True
        )
    out.print(f"\n{seconds:,.1f} s. Report: [bold]mailray report {summary['run']}[/]", soft_wrap=True)


def print_status(status: Mapping[str, Any]) -> None:
    out.print(f"[bold]{status['campaign']}[/]  {status['run']}  {status['phase']}", soft_wrap=True)
    if status["plan"]:
        print_counts("verdicts", status["plan"]["verdicts"], status["plan"]["recipients"])
        print_outcomes(status["plan"], status["outcomes"])


def print_outcomes(plan: Mapping[str, Any], outcomes: Mapping[str, int]) -> None:
    """The messages by outcome, and that every recipient of the audience is accounted for."""
    print_counts("messages by outcome", outcomes, sum(outcomes.values()))
    unmailed = plan["recipients"] - plan["verdicts"].get("eligible", 0)
    out.print(
        f"  {plan['recipients']:,} recipients = {unmailed:,} not eligible + {plan['verdicts'].get('eligible', 0):,} eligible; "
        f"{plan['messages']:,} messages planned = {sum(outcomes.values()):,} accounted for",
        soft_wrap=True,
    )


def _head(summary: Mapping[str, Any]) -> None:
    audience = summary["audience"]
    out.print(
        f"[bold]{summary['campaign']}[/]  {audience['source_rows']:,} rows in the source, {audience['rows']:,} selected"
    )


def _segments(segments: Mapping[str, Mapping[str, int]]) -> Table:
    table = Table("segment", "audience", "eligible", box=None, padding=(0, 2, 0, 2))
    for column in table.columns[1:]:
        column.justify = "right"
    for name, counts in segments.items():
        table.add_row(name, f"{counts['audience']:,}", f"{counts['eligible']:,}")
    return table


def _branches(branches: Mapping[str, Mapping[str, int]]) -> Table:
    table = Table("step", "goes to", "recipients", box=None, padding=(0, 2, 0, 2))
    table.columns[2].justify = "right"
    for step, targets in branches.items():
        for number, (target, count) in enumerate(targets.items()):
            table.add_row("" if number else step, target, f"{count:,}")
    return table
