"""Measure, and print one table.

    python -m benchmarks [--rounds 7] [--json]

Every subject runs in every round, on one Arrow thread, after a warm-up; figures are medians of CPU time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from typing import TypeAlias

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.audience import audience
from benchmarks.example import customers
from benchmarks.footprint import compile_milliseconds, growth
from benchmarks.measure import BATCHES, PASSES, ROWS_TOGETHER, Figure, Subject, interleaved, refuse_differences
from benchmarks.subjects import EXAMPLE, MESSAGES, RENDERING


@cache
def basket() -> pa.RecordBatch:
    return audience(PASSES * BATCHES * ROWS_TOGETHER)


Makers: TypeAlias = Sequence[Callable[[pa.RecordBatch], Subject]]
TABLES: dict[str, tuple[Callable[[], pa.RecordBatch], Makers]] = {
    "Rendering: 10.7 KB in three parts": (basket, RENDERING),
    "Whole messages: rendering, headers, quoted-printable or base64": (basket, MESSAGES),
    "The example's message, rendered": (customers, EXAMPLE),
}


def table(title: str, figures: list[Figure]) -> Table:
    shown = Table(title=title, title_justify="left")
    shown.add_column("subject")
    for heading in ("µs a message", "messages/s", "times faster", "range"):
        shown.add_column(heading, justify="right")
    for each in figures:
        spread = f"{each.lowest_ratio:.1f} to {each.highest_ratio:.1f}"
        shown.add_row(
            each.name, f"{each.microseconds:.2f}", f"{1e6 / each.microseconds:,.0f}", f"{each.ratio:.2f}", spread
        )
    return shown


def measured(makers: Makers, batch: pa.RecordBatch, rounds: int) -> list[Figure]:
    subjects = [make(batch) for make in makers]
    refuse_differences(subjects)
    return interleaved(subjects, rounds)


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks")
    arguments.add_argument("--rounds", type=int, default=7, help="passes over all subjects; at least 5")
    arguments.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = arguments.parse_args()
    pa.set_cpu_count(1)
    rounds = max(5, options.rounds)
    figures = {title: measured(makers, batch(), rounds) for title, (batch, makers) in TABLES.items()}
    compilation = compile_milliseconds(rounds)
    gained, highest = growth()
    if options.json:
        shown = {title: [asdict(each) for each in group] for title, group in figures.items()}
        print(json.dumps({**shown, "compile_ms": compilation, "gained_mb": gained, "highest_mb": highest}, indent=2))
        return
    console = Console()
    for title, group in figures.items():
        console.print(table(title, group))
    console.print(
        f"compiled in {compilation:.1f} ms; memory grew by {gained:.1f} MB over 900 batches and never passed {highest:.0f} MB"
    )


if __name__ == "__main__":
    main()
