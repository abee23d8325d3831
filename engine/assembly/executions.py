"""Executions of workflows, for the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.assembly.campaign import open_campaign
from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_executions
from engine.assembly.wall_clock import wall
from engine.errors import UsageError, did_you_mean
from engine.pipeline.executions import (
    REACHES,
    Intervention,
    check_ids,
    check_workflow,
    intervene,
    intervene_in_all,
    listing,
    standing,
    versions_of,
)
from engine.pipeline.migration import Moved, Way, move, plan_route, who_moves
from engine.workflow.executions import MEASURED, ExecutionStore, State
from engine.workflow.records import records

Row = dict[str, Any]
_LISTED = ("execution_id", "workflow", "version", "user_id", "state", "step", "entered_at", "due", "ended_at", "error")
_STANDING = ("version", "step", "occurrence", "arrived_at", "due", "until", "awaits", "goal_at")
_RECORDED = (
    *("execution_id", "workflow_id", "user_id", "trigger_event", "status", "start_time", "end_time", "success"),
    *("steps_executed", "error_details", "retry_count"),
)


def list_executions(
    settings: AppSettings, workflow: str | None, user: str | None, states: Sequence[str], most: int
) -> tuple[list[Row], int]:
    """The first executions of these states, all if none is named, and how many there are. Raises UsageError (MR183, MR185)."""
    known = [state.value for state in State]
    for each in states:
        if each not in known:
            raise UsageError.single("MR185", f"no state is called `{each}`", help=did_you_mean(each, known))
    with _opened(settings) as store:
        found = listing(store, workflow, user, states or known, most)
    return [{name: row[name] for name in _LISTED} for row in found.executions.to_pylist()], found.total


def show_execution(settings: AppSettings, execution_id: str) -> Row:
    """Where an execution stands, what it did and what it cost. Figures that nobody has measured are None. Raises UsageError (MR182)."""
    with _opened(settings) as store:
        execution = check_ids(store, [execution_id])
        history, measured = store.history([execution_id]), store.measured([execution_id])
    (row,), (stands,) = records(execution, history, measured).to_pylist(), execution.to_pylist()
    row |= {name: json.loads(row[name]) for name in ("steps_executed", "error_details") if row[name] is not None}
    if not measured.num_rows:
        row |= dict.fromkeys(MEASURED.names[1:])
    return {
        **{name: row.pop(name) for name in _RECORDED},
        "standing": {name: stands[name] for name in _STANDING},
        "performance": {"workflow_id": stands["workflow"], **row},
    }


def intervene_in(
    settings: AppSettings, what: Intervention, ids: Sequence[str], workflow: str | None, *, dry_run: bool
) -> tuple[int, Mapping[str, int]]:
    """Retry or cancel executions, by id or all of a workflow's that it reaches.

    Gives how many it did, and how many it concerned by the step at which they stood. Raises UsageError (MR182, MR183).
    """
    with _opened(settings) as store:
        steps = _reached(store, what, ids, workflow)
        if dry_run:
            return 0, steps
        done = intervene(store, what, ids, wall) if workflow is None else intervene_in_all(store, what, workflow, wall)
    return done, steps


def workflow_versions(settings: AppSettings, workflow: str) -> list[Row]:
    """The versions of a workflow, each with its steps and how many executions are alive on it, and have ended. Raises UsageError."""
    with _opened(settings) as store:
        check_workflow(store, workflow)
        return [asdict(each) for each in versions_of(store, workflow)]


def migrate_workflow(
    settings: AppSettings, workflow: str, folder: Path, steps: Mapping[str, str], *, dry_run: bool
) -> tuple[str, list[Way], Moved]:
    """Move the executions of a workflow to the one that a campaign's folder holds: its version, who goes where, how many went.

    Raises UsageError (MR183, MR185), and what opening the campaign and planning the way raise.
    """
    with _opened(settings) as store:
        check_workflow(store, workflow)
        campaign = open_campaign(folder, datetime.now(UTC)).campaign
        if campaign.name != workflow:
            raise UsageError.single(
                "MR185",
                f"--to holds the workflow `{campaign.name}`, and not `{workflow}`",
                help="a workflow is moved to another version of its own",
            )
        route = plan_route(store, campaign, steps)
        ways, moved = who_moves(store, route)
        if not dry_run:
            moved = move(store, route, wall)
    return route.definition.version, ways, moved


def _reached(store: ExecutionStore, what: Intervention, ids: Sequence[str], workflow: str | None) -> Mapping[str, int]:
    steps: dict[str, int] = {}
    if workflow is not None:
        check_workflow(store, workflow)
        for row in standing(store, workflow, REACHES[what]):
            steps[row["step"]] = steps.get(row["step"], 0) + row["executions"]
    else:
        for row in check_ids(store, ids).to_pylist():
            if row["state"] in REACHES[what]:
                steps[row["step"]] = steps.get(row["step"], 0) + 1
    return dict(sorted(steps.items()))


@contextmanager
def _opened(settings: AppSettings) -> Iterator[ExecutionStore]:
    with closing(open_executions(settings.stores_at)) as store:
        yield store
