from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from engine.workflow.executions import EXECUTIONS, HISTORY
from engine.workflow.records import MEASURED, RECORDS, records

FIGURES = ["execution_time_ms", "queue_wait_time_ms", "database_query_time_ms", "template_render_time_ms"]
FIGURES += [
    "email_send_time_ms",
    "total_memory_mb",
    "cpu_usage_percent",
    "success_rate",
    "error_count",
    "throughput_per_minute",
]


def test_a_record_tells_what_was_done_how_it_ended_and_what_it_cost(make_batch: Callable[..., pa.RecordBatch]) -> None:
    execution = {
        **{"execution_id": "x1", "workflow": "cart", "version": "v1", "user_id": "ann", "trigger": "event:left"},
        **{"state": "done", "step": "tell", "occurrence": 0, "retry_count": 0, "moves": 6, "claim": 1, "seen": 0},
        **{"entered_at": 0, "arrived_at": 100, "ended_at": 200},
    }
    told: list[tuple[int, str | None, str, str | None, int]] = [
        (0, None, "entered", None, 0),
        (0, "send_email", "done", None, 3_000),
        (50, "wait_condition", "timed_out", None, 2_000),
        (50, "trigger_webhook", "retrying", "answered 503", 2_000),
        (60, None, "goal", None, 1_000),
        (90, "trigger_webhook", "failed", "answered 404", 1_000),
    ]
    history = [
        {
            **{"execution_id": "x1", "move": move, "at": at, "step": "s", "type": kind, "occurrence": 0, "attempt": 1},
            **{"outcome": outcome, "output": None, "error": error, "stood_us": 4_000, "lag_us": lag, "work_us": 500.0},
        }
        for move, (at, kind, outcome, error, lag) in enumerate(told)
    ]
    costs: list[dict[str, Any]] = [
        dict(zip(MEASURED.names, ("x1", 1.0, 2.0, 3.0, 100.0, 50.0), strict=True)),
        dict(zip(MEASURED.names, ("x1", 1.0, 0.0, 0.0, 120.0, 40.0), strict=True)),
    ]
    untold = {**execution, "execution_id": "x2", "state": "waiting", "ended_at": None}
    found = records(
        make_batch([execution, untold], EXECUTIONS), make_batch(history[::-1], HISTORY), make_batch(costs, MEASURED)
    )
    assert found.schema.equals(RECORDS)
    row, fresh = found.to_pylist()
    assert {name: row[name] for name in FIGURES} == {
        **{"execution_time_ms": 9.0, "queue_wait_time_ms": 7.0, "database_query_time_ms": 2.0},
        **{
            "template_render_time_ms": 2.0,
            "email_send_time_ms": 3.0,
            "total_memory_mb": 120.0,
            "cpu_usage_percent": 50.0,
        },
        **{"success_rate": 2 / 3, "error_count": 2, "throughput_per_minute": 3 / (9.0 / 60_000)},
    }
    assert (row["workflow_id"], row["success"], row["retry_count"], row["status"]) == ("cart", False, 1, "done")
    assert json.loads(row["error_details"]) == {"step_id": "s", "error_message": "answered 404", "attempts": 1}
    steps = json.loads(row["steps_executed"])
    assert [step["success"] for step in steps] == [True, True, False, False]
    assert (steps[0]["duration_ms"], steps[3]["error"]) == (4.0, "answered 404")
    assert (fresh["success"], fresh["success_rate"], fresh["throughput_per_minute"], fresh["error_count"]) == (
        None,
    ) * 3 + (0,)
