"""What a person sees: results on standard output; progress, warnings and errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def print_json(values: Mapping[str, Any]) -> None:
    """One JSON document on standard output, for programs; at once, for some wait for it while the command goes on."""
    json.dump(values, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")
    sys.stdout.flush()


def print_counts(title: str, counts: Mapping[str, int], total: int | None = None) -> None:
    """Names and counts in two columns and, where ``total`` is given, a closing line."""
    table = Table("name", "count", show_header=False, box=None, padding=(0, 2, 0, 2))
    table.columns[1].justify = "right"
    for name, count in counts.items():
        table.add_row(name.replace("_", " "), f"{count:,}", style="dim" if count == 0 else "")
    if total is not None:
        table.add_row("[bold]total[/]", f"[bold]{total:,}[/]")
    print_table(title, table)


def print_rows(table: Table) -> None:
    """A line a row, whole also where the terminal is narrower or there is none: what is listed is searched, and copied from."""
    widest = Measurement.get(out, out.options.update(max_width=10_000), table).maximum
    Console(highlight=False, width=max(widest, out.width)).print(table)


def print_table(title: str, table: Table) -> None:
    out.print(f"\n[italic]{title}[/]")
    out.print(table)
