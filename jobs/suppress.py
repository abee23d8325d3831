"""``mailray suppress``: who must not be mailed, in the store that outlives runs. A delivery that is under way honours a change within
five seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from jobs.console import out, print_json
from jobs.options import Json

SHOWN = 1_000  # entries, for people

app = typer.Typer(name="suppress", help="Keep the addresses that must not be mailed.", no_args_is_help=True)

Addresses = Annotated[list[str], typer.Argument(metavar="ADDRESS...", help="One address or several.")]
ListName = Annotated[
    str, typer.Option("--list", metavar="NAME", help="One list, as `audience.list` names it; all mail if absent.")
]


@app.command("add")
def add(
    addresses: Addresses,
    list_name: ListName = "",
    source: Annotated[str, typer.Option("--source", metavar="TEXT", help="Where it comes from.")] = "command line",
    json: Json = False,
) -> None:
    """Let these addresses not be mailed any more."""
    from engine.assembly.settings import AppSettings
    from engine.assembly.suppression import suppress
    from engine.assembly.wall_clock import wall

    new = suppress(AppSettings.load(), addresses, list_name, source, wall())
    if json:
        print_json({"asked": len(addresses), "new": new})
    else:
        out.print(f"{new:,} suppressed, {len(addresses) - new:,} were already")


@app.command("remove")
def remove(addresses: Addresses, list_name: ListName = "", json: Json = False) -> None:
    """Let these addresses be mailed again. What holds for all mail and what holds for a list are separate entries."""
    from engine.assembly.settings import AppSettings
    from engine.assembly.suppression import readmit

    removed = readmit(AppSettings.load(), addresses, list_name)
    if json:
        print_json({"asked": len(addresses), "removed": removed})
    else:
        out.print(f"{removed:,} removed, {len(addresses) - removed:,} were not suppressed there")


@app.command("list")
def list_entries(
    list_name: Annotated[
        str | None, typer.Option("--list", metavar="NAME", help="One list alone; '' for what holds for all mail.")
    ] = None,
    json: Json = False,
) -> None:
    """List the entries by address."""
    from itertools import islice

    from engine.assembly.settings import AppSettings
    from engine.assembly.suppression import entries_of

    entries = entries_of(AppSettings.load(), list_name)
    if json:
        print_json({"entries": [each.as_dict() for each in entries]})
        return
    table = Table("address", "list", "reason", "source", "since", box=None, padding=(0, 2, 0, 0))
    for each in islice(entries, SHOWN):
        row = each.as_dict()
        table.add_row(row["address"], row["list"] or "all mail", row["reason"], row["source"], row["at"][:19])
    out.print(table if table.row_count else "nobody is suppressed")
    left = sum(1 for _ in entries)
    if left:
        out.print(f"... and {left:,} more; --json lists all")


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Parquet, CSV or Arrow with a column `email`.")],
    list_name: ListName = "",
    json: Json = False,
) -> None:
    """Take in a list of addresses that was kept elsewhere."""
    from engine.assembly.settings import AppSettings
    from engine.assembly.suppression import take_in
    from engine.assembly.wall_clock import wall

    read, new = take_in(AppSettings.load(), file, list_name, wall())
    if json:
        print_json({"read": read, "new": new})
    else:
        out.print(f"{read:,} addresses read, {new:,} newly suppressed")
