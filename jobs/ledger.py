"""``mailray ledger``: what became of each message, taken out for analysis and looked through."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.console import out, print_json
from jobs.options import Json, RunPath

app = typer.Typer(name="ledger", help="Export and verify a run's ledger.", no_args_is_help=True)


@app.command("export")
def export(
    run: RunPath,
    to: Annotated[Path, typer.Argument(metavar="OUT.parquet", help="The file to write; an older one is replaced.")],
    json: Json = False,
) -> None:
    """Write one Parquet file with a row a message: delivery key, step, state, reason, attempt, instants and the server's codes."""
    from engine.assembly.archive import export_ledger

    rows = export_ledger(run, to)
    if json:
        print_json({"run": str(run), "file": str(to), "messages": rows})
    else:
        out.print(f"{rows:,} messages in {to}", markup=False, soft_wrap=True)


@app.command("verify")
def verify(run: RunPath, json: Json = False) -> int:
    """Compare checksums, steps, keys, sums and closed partitions' files of a run that nobody works on; exit code 1 when they differ."""
    from engine.assembly.archive import verify_ledger

    found = verify_ledger(run)
    differences = [
        {"partition": None if number < 0 else number, "difference": what} for number, what in found.differences
    ]
    if json:
        figures = {"messages": found.messages, "ended": found.ended, "open": found.open, "unknown": found.unknown}
        print_json({"run": str(run), "verified": not differences, **figures, "differences": differences})
    else:
        out.print(
            f"{found.messages:,} messages = {found.ended:,} ended + {found.open:,} open + {found.unknown:,} unknown"
        )
        for each in differences:
            where = "run" if each["partition"] is None else f"partition {each['partition']}"
            out.print(f"{where}: {each['difference']}", markup=False, soft_wrap=True)
    return 1 if differences else 0
