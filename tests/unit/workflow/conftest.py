"""Campaigns in short, executions at their first step, and an engine that is asked in seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest

from engine.campaign.schema import Campaign
from engine.personalization.assignment import uniform
from engine.workflow import Advanced, WorkflowProgram
from engine.workflow.executions import EXECUTIONS
from engine.workflow.news import ARRIVALS, REPLIES

SECOND = 1_000_000
START = 1_772_323_200 * SECOND  # 2026-03-01T00:00:00Z, a Sunday
AUDIENCE = pa.schema([("id", pa.string()), ("n", pa.int64()), ("tz", pa.string()), ("born", pa.date32())])
Row = dict[str, Any]


def batch(rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array([row.get(each.name) for row in rows], each.type) for each in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def campaign_of(workflow: Sequence[Row], **rest: Any) -> Campaign:
    values = {
        **{"name": "cart", "type": "abandoned_cart", "timezone": "Europe/Berlin", "workflow": list(workflow), **rest},
        **{"audience": {"source": "a.parquet", "key": "id", "timezone": "tz"}},
        "delivery": {"from": {"address": "news@example.com"}},
    }
    return Campaign.model_validate(values, by_alias=True, by_name=False)


class Story:
    """One execution of one person; times are seconds since START."""

    def __init__(
        self, workflow: Sequence[Row], person: Row | None = None, context: Row | None = None, **rest: Any
    ) -> None:
        self.program = WorkflowProgram(campaign_of(workflow, **rest), AUDIENCE, uniform)
        self.person = {"id": "ann", "n": 1, **(person or {})}
        row = {
            **{"execution_id": "x1", "workflow": "cart", "version": "v1", "user_id": "ann", "trigger": "api"},
            **{"state": "ready", "step": workflow[0]["id"], "occurrence": 0, "retry_count": 0, "moves": 1, "claim": 1},
            **{"seen": 0, "context": json.dumps(context) if context else None},
            **dict.fromkeys(("entered_at", "arrived_at", "due"), START),
        }
        self.executions = batch([row], EXECUTIONS)
        self.told: list[tuple[Any, ...]] = []
        self.effects: list[Row] = []
        self.history: list[Row] = []
        self._position = 0

    def at(
        self,
        seconds: float,
        *events: tuple[float, str | None] | tuple[float, str | None, Row],
        reply: Row | None = None,
    ) -> Row:
        """Look at a time, when so much has happened since the last look; gives where the execution stands then."""
        arrivals = []
        for event in events:
            self._position += 1
            when, name, properties = (*event, {})[:3]
            arrivals.append(
                {
                    **{"position": self._position, "event_id": f"e{self._position}", "user_id": "ann", "event": name},
                    **{"at": START + round(when * SECOND), "properties": json.dumps(properties)},
                }
            )
        replies = [] if reply is None else [{**reply, "execution_id": "x1", "at": START + round(reply["at"] * SECOND)}]
        advanced = self.advance(seconds, batch(arrivals, ARRIVALS), batch(replies, REPLIES))
        self.executions = advanced.executions
        for row in advanced.history.to_pylist():
            self.history.append(row)
            self.told.append((_seconds(row["at"]), row["step"], row["outcome"], row["output"]))
        self.effects += [{**row, "payload": json.loads(row["payload"])} for row in advanced.effects.to_pylist()]
        return self.standing

    def advance(self, seconds: float, arrivals: pa.RecordBatch, replies: pa.RecordBatch) -> Advanced:
        people = batch([self.person], AUDIENCE)
        return self.program.advance(self.executions, people, START + round(seconds * SECOND), arrivals, replies)

    @property
    def standing(self) -> Row:
        (row,) = self.executions.to_pylist()
        return {**row, **{name: _seconds(row[name]) for name in ("due", "until", "arrived_at", "goal_at", "ended_at")}}


def _seconds(instant: Any) -> float | None:
    return None if instant is None else round(instant.timestamp() - START / SECOND, 6)


@pytest.fixture
def story() -> Callable[..., Story]:
    return Story


@pytest.fixture
def make_campaign() -> Callable[..., Campaign]:
    return campaign_of


@pytest.fixture
def make_batch() -> Callable[[Sequence[Row], pa.Schema], pa.RecordBatch]:
    return batch
