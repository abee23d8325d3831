"""How fast waiting executions go on: a million of which all are due, from columns to columns.

    python -m benchmarks.workflow [--rows 1000000] [--batch 65536]

They wait for a day to be over, take one of two branches, are sent a message with two columns in it, and wait again. Counted is all that
an advance does: executions, history and effects are there as columns, ready to be saved.
"""

from __future__ import annotations

import argparse
import resource
import time
from typing import Any

import numpy as np
import pyarrow as pa

from engine.campaign.schema import Campaign
from engine.personalization.assignment import uniform
from engine.workflow import WorkflowProgram
from engine.workflow.executions import EXECUTIONS

NOW = 1_770_000_000_000_000
DAY = 86_400_000_000
AUDIENCE = pa.schema([("id", pa.string()), ("tier", pa.string()), ("orders", pa.int64())])
WORKFLOW: list[dict[str, Any]] = [
    {"id": "pause", "type": "wait_condition", "for": "1 day"},
    {
        **{"id": "fork", "type": "conditional_branch", "else": "news"},
        "branches": [{"when": "tier = 'gold' AND orders >= 3", "next": "offer"}],
    },
    {"id": "offer", "type": "send_email", "template": "offer", "next": "rest"},
    {"id": "news", "type": "send_email", "template": "news"},
    {"id": "rest", "type": "wait_condition", "for": "3 days"},
]


def program() -> WorkflowProgram:
    campaign = {
        **{"name": "bench", "type": "nurture_sequence", "audience": {"source": "a.parquet", "key": "id"}},
        **{"workflow": WORKFLOW, "delivery": {"from": {"address": "news@example.com"}}},
    }
    return WorkflowProgram(Campaign.model_validate(campaign), AUDIENCE, uniform, fields=["id", "tier"])


def waiting(rows: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Executions that all are due at NOW, and their people."""
    users = pa.array([f"user{row}" for row in range(rows)])
    ids = pa.array([f"{row:032x}" for row in range(rows)])
    then = pa.repeat(pa.scalar(NOW - DAY, pa.int64()), rows).view(pa.timestamp("us", "UTC"))
    same = {"workflow": "bench", "version": "v1", "trigger": "event:left", "state": "waiting", "step": "pause"}
    columns = {
        **{name: pa.repeat(value, rows) for name, value in same.items()},
        **{name: pa.repeat(pa.scalar(0, pa.int32()), rows) for name in ("occurrence", "retry_count")},
        **{name: pa.repeat(pa.scalar(1, pa.int64()), rows) for name in ("claim", "seen")},
        **{"moves": pa.repeat(pa.scalar(1, pa.int32()), rows), "execution_id": ids, "user_id": users},
        **{"entered_at": then, "arrived_at": then, "due": pa.repeat(pa.scalar(NOW, pa.int64()), rows).view(then.type)},
    }
    arrays = [columns.get(field.name, pa.nulls(rows, field.type)) for field in EXECUTIONS]
    tiers = pa.array(["gold", "silver", None]).take(pa.array(np.arange(rows) % 3))
    people = pa.RecordBatch.from_arrays([users, tiers, pa.array(np.arange(rows) % 7)], schema=AUDIENCE)
    return pa.RecordBatch.from_arrays(arrays, schema=EXECUTIONS), people


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=65_536)
    asked = parser.parse_args()
    pa.set_cpu_count(1)
    executions, people = waiting(asked.rows)
    compiled = program()
    compiled.advance(executions.slice(0, 100), people.slice(0, 100), NOW)
    began, cpu = time.perf_counter(), time.process_time()
    effects = history = 0
    for start in range(0, asked.rows, asked.batch):
        advanced = compiled.advance(executions.slice(start, asked.batch), people.slice(start, asked.batch), NOW)
        effects += advanced.effects.num_rows
        history += advanced.history.num_rows
    seconds, worked = time.perf_counter() - began, time.process_time() - cpu
    assert effects == asked.rows and history == 3 * asked.rows
    print(
        f"{asked.rows:,} executions in {seconds:.2f} s ({worked:.2f} s of one core): {asked.rows / worked:,.0f} a second a core"
    )
    print(
        f"{history:,} rows of history, {effects:,} effects; peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10:,} MB"
    )


if __name__ == "__main__":
    main()
