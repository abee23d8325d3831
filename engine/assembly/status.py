"""How a run stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.adapters.stores.run_control import Order, RunControl
from engine.adapters.stores.run_folder import RunFolder
from engine.assembly.ledger import open_ledger
from engine.ledger.counts import Counts
from engine.pipeline.records import MANIFEST
from engine.pipeline.worker import outcome_counts


def run_status(path: Path) -> dict[str, Any]:
    """How a run stands. Reads only, so it works beside the run itself."""
    folder = RunFolder(path.absolute())
    record = folder.read_json(MANIFEST)
    plan = record.get("plan")
    counts = open_ledger(folder).counts() if plan else Counts()
    outcomes = accounted(record, counts) if counts.planned else {}
    return {
        "run": str(folder.path),
        "campaign": record["campaign"],
        "phase": _phase(record, outcomes, folder.locked_by_somebody(), RunControl(folder.path).order()),
        "templates": record.get("templates", {}),
        "audience": record.get("audience"),
        "plan": plan["counts"] if plan else None,
        "outcomes": outcomes,
    }


def accounted(record: Mapping[str, Any], counts: Counts) -> dict[str, int]:
    """All messages of a planned run by outcome; those of partitions that the ledger does not know yet are planned too."""
    outcomes = outcome_counts(counts)
    outcomes["planned"] += int(record["plan"]["counts"]["messages"]) - counts.planned
    return outcomes


def _phase(record: Mapping[str, Any], outcomes: Mapping[str, int], locked: bool, order: Order | None) -> str:
    if "audience" not in record:
        stage = "reading the audience"
    elif "plan" not in record:
        stage = "planning"
    elif not outcomes:
        stage = "planned"
    elif outcomes["planned"] or outcomes["intent"]:
        stage = "delivering"
    else:
        stage = "waiting" if outcomes["deferred"] else "finished"
    if order is Order.CANCEL:
        return "cancelling" if locked else "cancelled"
    if order is Order.PAUSE and stage != "finished":
        return f"pausing while {stage}" if locked else f"paused while {stage}"
    return stage if locked or stage in ("planned", "finished") else f"stopped while {stage}"
