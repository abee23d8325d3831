"""``mailray status``: how a run stands, from its ledger alone."""

from __future__ import annotations

from jobs.console import print_json
from jobs.options import Json, RunPath


def command(run: RunPath, json: Json = False) -> None:
    """Counts of a run by verdict and outcome; works while the run is under way."""
    from engine.assembly.status import run_status
    from jobs.summaries import print_status

    status = run_status(run)
    if json:
        print_json(status)
    else:
        print_status(status)
