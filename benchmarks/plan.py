"""``python -m benchmarks.plan [ROWS ...]``: a plan's time and peak memory by size of audience; memory must not grow with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

EXAMPLE = Path("examples/spring_menswear")
USUAL = (64_000, 500_000, 2_000_000, 6_000_000)


def measure(rows: int, folder: Path) -> tuple[float, float]:
    """Seconds and peak MiB of ``mailray plan`` in one process over an audience of ``rows``."""
    subprocess.run(
        [sys.executable, "-m", "benchmarks.make_audience", str(rows), str(folder / "large.parquet")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    campaign = folder / "campaign"
    shutil.copytree(EXAMPLE, campaign)
    file = campaign / "campaign.yaml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("source: audience.parquet", "source: ../large.parquet"),
        encoding="utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "jobs.cli",
        "plan",
        str(campaign),
        "--runner",
        "inline",
        "--run-dir",
        str(folder / "run"),
        "--json",
    ]
    start = os.times().elapsed
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the plan of {rows:,} rows failed")
    return os.times().elapsed - start, usage.ru_maxrss / 1024


def main() -> None:
    sizes = tuple(int(each) for each in sys.argv[1:]) or USUAL
    table = Table("rows", "seconds", "rows/s", "peak MiB", title="mailray plan, one process, from start to end")
    for column in table.columns:
        column.justify = "right"
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            seconds, peak = measure(rows, Path(folder))
        table.add_row(f"{rows:,}", f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{peak:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
