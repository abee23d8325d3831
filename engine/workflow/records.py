"""The record of executions: what they did, how it ended, and what it cost, a row each."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from engine.workflow.executions import INSTANT, MEASURED, PEAKS, Outcome, State

RECORDS = pa.schema(
    [
        pa.field("execution_id", pa.string(), nullable=False),
        pa.field("workflow_id", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("trigger_event", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("start_time", INSTANT, nullable=False),
        pa.field("end_time", INSTANT),
        pa.field("success", pa.bool_()),  # null while it goes on
        pa.field("steps_executed", pa.string(), nullable=False),  # a JSON list
        pa.field("error_details", pa.string()),  # a JSON object
        pa.field("retry_count", pa.int64(), nullable=False),  # over all steps
        # The eleven figures; the twelfth column of the first list, workflow_id, stands above.
        pa.field("execution_time_ms", pa.float64(), nullable=False),  # work: steps, queries, rendering, sending
        pa.field(
            "queue_wait_time_ms", pa.float64(), nullable=False
        ),  # how much later than due it was worked on, summed
        pa.field("database_query_time_ms", pa.float64(), nullable=False),
        pa.field("template_render_time_ms", pa.float64(), nullable=False),
        pa.field("email_send_time_ms", pa.float64(), nullable=False),
        pa.field("total_memory_mb", pa.float64(), nullable=False),
        pa.field("cpu_usage_percent", pa.float64(), nullable=False),
        pa.field("success_rate", pa.float64()),  # 0 to 1: steps that were done, of those that came to an end
        pa.field("error_count", pa.int64(), nullable=False),  # failed tries
        pa.field("throughput_per_minute", pa.float64()),  # steps a minute of work
    ]
)
"""One row an execution; with ``workflow_id`` the source's eleven performance figures are among the columns."""

_ENDED_WELL = (Outcome.DONE, Outcome.TIMED_OUT)


def records(
    executions: pa.RecordBatch, history: pa.RecordBatch, measured: pa.RecordBatch | None = None
) -> pa.RecordBatch:
    """RECORDS of EXECUTIONS, from all their HISTORY and what was MEASURED of them (summed; of memory and use the most)."""
    told: dict[str, list[dict[str, Any]]] = {}
    for row in history.to_pylist():
        told.setdefault(row["execution_id"], []).append(row)
    costs = {} if measured is None else _summed(measured)
    rows = [
        _record(row, told.get(row["execution_id"], []), costs.get(row["execution_id"], {}))
        for row in executions.to_pylist()
    ]
    arrays = [pa.array([row[each.name] for row in rows], each.type) for each in RECORDS]
    return pa.RecordBatch.from_arrays(arrays, schema=RECORDS)


def _summed(measured: pa.RecordBatch) -> dict[str, dict[str, float]]:
    how = {name: "max" if name in PEAKS else "sum" for name in MEASURED.names[1:]}
    table = pa.Table.from_batches([measured]).group_by("execution_id").aggregate(list(how.items()))
    return {
        row["execution_id"]: {name: row[f"{name}_{each}"] for name, each in how.items()} for row in table.to_pylist()
    }


def _record(execution: dict[str, Any], history: list[dict[str, Any]], costs: dict[str, float]) -> dict[str, Any]:
    history = sorted(history, key=lambda row: row["move"])
    steps = [row for row in history if row["type"] is not None]
    failures = [row for row in steps if row["outcome"] in (Outcome.RETRYING, Outcome.FAILED)]
    good = sum(row["outcome"] in _ENDED_WELL for row in steps)
    bad = sum(row["outcome"] == Outcome.FAILED for row in steps)
    times = {name: costs.get(name, 0.0) for name in MEASURED.names[1:]}
    work = sum(row["work_us"] for row in steps) / 1_000 + sum(times[name] for name in times if name.endswith("_ms"))
    lags = {row["at"]: row["lag_us"] for row in history}  # steps of one instant have waited together
    state = execution["state"]
    return {
        **{"execution_id": execution["execution_id"], "workflow_id": execution["workflow"]},
        **{"user_id": execution["user_id"], "trigger_event": execution["trigger"], "status": state},
        **{"start_time": execution["entered_at"], "end_time": execution["ended_at"]},
        "success": None if execution["ended_at"] is None else state != State.FAILED and bad == 0,
        "steps_executed": json.dumps([_step(row) for row in steps], ensure_ascii=False),
        "error_details": json.dumps(_error(failures[-1]), ensure_ascii=False) if failures else None,
        "retry_count": sum(row["outcome"] == Outcome.RETRYING for row in steps),
        "execution_time_ms": work,
        "queue_wait_time_ms": sum(lags.values()) / 1_000,
        **times,
        "success_rate": good / (good + bad) if good + bad else None,
        "error_count": len(failures),
        "throughput_per_minute": (good + bad) / (work / 60_000) if work > 0 else None,
    }


def _step(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **{"step_id": row["step"], "step_type": row["type"], "success": row["outcome"] in _ENDED_WELL},
        **{"outcome": row["outcome"], "duration_ms": row["stood_us"] / 1_000, "output": row["output"]},
        **({"error": row["error"]} if row["error"] else {}),
    }


def _error(row: dict[str, Any]) -> dict[str, Any]:
    return {"step_id": row["step"], "error_message": row["error"], "attempts": row["attempt"]}
