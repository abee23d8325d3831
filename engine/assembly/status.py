"""How a run stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.adapters.stores.plan_files import PlanFiles
from engine.adapters.stores.run_control import Order, RunControl
from engine.adapters.stores.run_folder import RunFolder
from engine.assembly.ledger import open_ledger
from engine.ledger.counts import Counts
from engine.pipeline.counts import PlanCounts
from engine.pipeline.records import LIVE, MANIFEST
from engine.pipeline.worker import outcome_counts


def run_status(path: Path) -> dict[str, Any]:
    """How a run stands. Reads only, so it works beside the run itself."""
    folder = RunFolder(path.absolute())
    record = folder.read_json(MANIFEST)
    plan = planned(folder, record)
    counts = open_ledger(folder).counts() if plan else Counts()
    outcomes = accounted(plan, counts) if plan and counts.planned else {}
    return {
        "run": str(folder.path),
        "campaign": record["campaign"],
        "phase": _phase(record, outcomes, folder.locked_by_somebody(), RunControl(folder.path).order()),
        "templates": record.get("templates", {}),
        "audience": record.get("audience"),
        "plan": plan,
        "outcomes": outcomes,
    }


def planned(folder: RunFolder, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """A run's plan in numbers (``PlanCounts.as_dict``); None as long as it is not planned. A live run's is what there is by now."""
    if LIVE not in record:
        return record["plan"]["counts"] if "plan" in record else None
    return total(PlanFiles(folder.path).counts())


def total(figures: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What is known of partitions in numbers, added up."""
    counts = PlanCounts()
    for each in figures:
        counts.add(PlanCounts.from_dict(each))
    return counts.as_dict()


def accounted(plan: Mapping[str, Any], counts: Counts) -> dict[str, int]:
    """All messages of a plan by outcome; those of partitions that the ledger does not know yet are planned too."""
    outcomes = outcome_counts(counts)
    outcomes["planned"] += int(plan["messages"]) - counts.planned
    return outcomes


def _phase(record: Mapping[str, Any], outcomes: Mapping[str, int], locked: bool, order: Order | None) -> str:
    if LIVE in record and (locked or not outcomes):
        stage = "live"
    elif "audience" not in record and LIVE not in record:
        stage = "reading the audience"
    elif "plan" not in record and LIVE not in record:
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
    return stage if locked or stage in ("planned", "finished", "live") else f"stopped while {stage}"
