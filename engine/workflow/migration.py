"""From one version of a workflow to another: who moves where, by a map that somebody has written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.campaign.schema import Campaign
from engine.campaign.steps import END
from engine.errors import CampaignError, Diagnostic, did_you_mean
from engine.workflow.cohort import REPLY
from engine.workflow.executions import ALIVE, EXECUTIONS, HISTORY, INSTANT, Outcome, State


@dataclass(frozen=True, slots=True)
class Migration:
    """``executions`` and ``history`` are to be saved. ``moves``: `from`, `to` (`end` for the end) and `executions`, how many;
    ``left``: how many stay where they are, because a call of theirs is not answered yet."""

    executions: pa.RecordBatch
    history: pa.RecordBatch
    moves: pa.RecordBatch
    left: int


def check_map(steps: Mapping[str, str], old: Campaign, new: Campaign) -> dict[str, str]:
    """For each old step the new one: what the map says, else the step of the same id.

    Raises:
        CampaignError: (MR181) a step that is not in the old version or the new one, or an old step that leads nowhere.
    """
    before, after = ([step.id for step in campaign.workflow] for campaign in (old, new))
    faults = [_unknown(name, before, "old") for name in steps if name not in before]
    faults += [_unknown(name, after, "new") for name in steps.values() if name not in (*after, END)]
    lost = [name for name in before if name not in steps and name not in after]
    for name in lost:
        help = f"write where those who stand there go: `{name}=STEP`, or `{name}={END}`"
        faults.append(
            Diagnostic("MR181", f"the new version has no step `{name}`, and the map does not name it", help=help)
        )
    if faults:
        raise CampaignError(*faults)
    return {name: steps.get(name, name) for name in before}


def migrate(
    executions: pa.RecordBatch, steps: Mapping[str, str], old: Campaign, new: Campaign, version: str, now: int
) -> Migration:
    """Move claimed executions of the version ``old`` that are alive to ``new``.

    Whoever waits at a step that is the same in both goes on waiting as before. Everybody else begins the new step at ``now`` (UTC
    microseconds). Each begins another occurrence, so that no effect has the name of one that the old version had.
    """
    targets = check_map(steps, old, new)
    alive = np.isin(executions.column("state").to_pylist(), ALIVE)
    answering = np.array([awaits == REPLY for awaits in executions.column("awaits").to_pylist()], dtype=np.bool_)
    moving = executions.filter(pa.array(alive & ~answering))
    was = {step.id: step for step in old.workflow}
    same = {name for name in was if targets[name] == name and was[name] in new.workflow}
    rows, told = [], []
    for row in moving.to_pylist():
        target, stands = targets[row["step"]], row["step"]
        told.append(_told(row, f"{stands} -> {target}", version, now))
        rows.append(_moved(row, target, stands in same and row["state"] == State.WAITING, version, now))
    return Migration(
        _batch(rows, EXECUTIONS), _batch(told, HISTORY), _counted(moving, targets), int((alive & answering).sum())
    )


def _moved(row: dict[str, object], target: str, keeps_waiting: bool, version: str, now: int) -> dict[str, object]:
    moved = {**row, "version": version, "moves": int(str(row["moves"])) + 1}
    if keeps_waiting:
        return {**moved, "occurrence": int(str(row["occurrence"])) + 1}
    instant = pa.scalar(now, pa.int64()).cast(INSTANT).as_py()
    moved |= {"until": None, "awaits": None, "retry_count": 0}
    if target == END:
        return {**moved, "state": State.DONE, "due": None, "ended_at": instant}
    moved |= {"state": State.READY, "step": target, "due": instant, "arrived_at": instant}
    return {**moved, "occurrence": int(str(row["occurrence"])) + 1}


def _told(row: dict[str, object], way: str, version: str, now: int) -> dict[str, object]:
    instant = pa.scalar(now, pa.int64()).cast(INSTANT)
    stood = now - pa.scalar(row["arrived_at"], INSTANT).cast(pa.int64()).as_py()
    return {
        **{"execution_id": row["execution_id"], "move": row["moves"], "at": instant.as_py(), "step": row["step"]},
        **{"type": None, "occurrence": row["occurrence"], "attempt": int(str(row["retry_count"])) + 1},
        **{"outcome": Outcome.MIGRATED, "output": f"{way} ({version})", "error": None},
        **{"stood_us": stood, "lag_us": 0, "work_us": 0.0},
    }


def _counted(moving: pa.RecordBatch, targets: Mapping[str, str]) -> pa.RecordBatch:
    counts: dict[str, int] = {}
    for step in moving.column("step").to_pylist():
        counts[step] = counts.get(step, 0) + 1
    rows = [{"from": step, "to": targets[step], "executions": number} for step, number in sorted(counts.items())]
    return _batch(rows, pa.schema([("from", pa.string()), ("to", pa.string()), ("executions", pa.int64())]))


def _batch(rows: list[dict[str, object]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array([row[each.name] for row in rows], each.type) for each in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _unknown(name: str, known: list[str], which: str) -> Diagnostic:
    return Diagnostic("MR181", f"the {which} version has no step `{name}`", help=did_you_mean(name, known))
