"""What a person sees: results on standard output; progress, warnings and errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def print_json(values: Mapping[str, Any]) -> None:
    """One JSON document on standard output, for programs."""
    json.dump(values, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def counts_table(title: str, counts: Mapping[str, int], total: int | None = None) -> Table:
    """A two-column table with thousands separated and, where ``total`` is given, a closing line."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 2))
    table.add_column()
    table.add_column(justify="right")
    for name, count in counts.items():
        table.add_row(name.replace("_", " "), f"{count:,}", style="dim" if count == 0 else "")
    if total is not None:
        table.add_row("[bold]total[/]", f"[bold]{total:,}[/]")
    return table
