"""Effects of kind SEND become the next partition of their workflow's outbox: who may be mailed now, and a row a message."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.audience.eligibility import LABELS, Marks, Verdict
from engine.audience.suppression import ListedAddresses
from engine.campaign.durations import expiry
from engine.campaign.steps import SendEmail
from engine.conditions import workflow_schema
from engine.pipeline.automation.contract import LiveWorkflow, Mask, People, PlannedSends, PlanSends
from engine.pipeline.counts import PlanCounts
from engine.pipeline.definition import EXECUTION, with_clock
from engine.pipeline.message_rows import judge_people, message_rows
from engine.workflow.json_columns import read_objects

STRANGER = "unknown_recipient"
NO_TEMPLATE = "no_template"
EXPIRED = "expired"
_VERDICTS = [*LABELS, STRANGER, NO_TEMPLATE, EXPIRED]


@dataclass(frozen=True, slots=True)
class _Sending:
    """A workflow's ``templates``, and the ``fields`` that they read with their types."""

    live: LiveWorkflow
    templates: frozenset[str]
    fields: Mapping[str, pa.DataType]

    @classmethod
    def of(cls, live: LiveWorkflow) -> _Sending:
        campaign = live.plan.campaign
        columns = workflow_schema(live.plan.audience, campaign)
        templates = (step.template for step in campaign.workflow if isinstance(step, SendEmail))
        return cls(live, frozenset(templates), {name: columns.field(name).type for name in live.plan.fields})


class SendPlanner:
    """Plans messages of live workflows, for any thread. ``wall`` gives UTC microseconds; ``listed`` are the addresses of suppression
    files, of the workflows that name any."""

    def __init__(
        self,
        workflows: Mapping[str, LiveWorkflow],
        people: People,
        wall: Callable[[], int],
        listed: Mapping[str, ListedAddresses] | None = None,
    ) -> None:
        self._workflows = {name: _Sending.of(live) for name, live in workflows.items()}
        self._people = people
        self._wall = wall
        self._listed = listed or {}

    def plan(self, task: PlanSends) -> PlannedSends:
        """A verdict for each effect, by people as they are now, and a message for each that is eligible.

        ``row`` is an effect's place in the task. Whom the store suppresses, caps and hours are the gate's. What raises is who asks
        about people.
        """
        sending, effects, at = self._workflows[task.workflow], task.effects, self._wall()
        recipients = effects.column("user_id")
        people, known = self._people.rows(task.workflow, recipients)
        templates = _templates(effects.column("payload"))
        verdicts = self._judge(sending, effects, people, known, templates, at)
        rows = pa.array(np.arange(effects.num_rows, dtype=np.int64))
        chosen = pa.array(np.flatnonzero(verdicts == Verdict.ELIGIBLE))
        outbox = _outbox(sending, effects.take(chosen), people.take(chosen), rows.take(chosen), templates.take(chosen))
        labels = pa.array(_VERDICTS).take(pa.array(verdicts))
        return PlannedSends(
            task.number,
            task.workflow,
            effects.column("name").to_pylist(),
            _verdict_rows(rows, effects, labels),
            with_clock(outbox, at),
            Counter(labels.to_pylist()),
            at,
        )

    def _judge(
        self,
        sending: _Sending,
        effects: pa.RecordBatch,
        people: pa.RecordBatch,
        known: Mask,
        templates: pa.StringArray,
        at: int,
    ) -> np.ndarray:
        """The first reason that applies counts: nobody, no template, too late, and then what holds of any recipient."""
        campaign = sending.live.plan.campaign
        nobody, listed = np.zeros(effects.num_rows, dtype=np.bool_), self._listed.get(campaign.name)
        suppressed = nobody if listed is None else listed.holds(people.column(campaign.audience.email))
        judged = judge_people(campaign, people, effects.column("user_id"), Marks(nobody, suppressed))
        decided = effects.column("at").cast(pa.int64()).to_pylist()
        late = np.array([expiry(campaign.delivery.expires, each) <= at for each in decided], dtype=np.bool_)
        missing = np.array([each not in sending.templates for each in templates.to_pylist()], dtype=np.bool_)
        places = [np.int8(_VERDICTS.index(each)) for each in (STRANGER, NO_TEMPLATE, EXPIRED)]
        return np.select([~known, missing, late], places, judged)


def counted(verdicts: pa.RecordBatch, outbox: pa.RecordBatch) -> PlanCounts:
    """A partition in numbers, as those of a run."""
    counts = PlanCounts(recipients=verdicts.num_rows, verdicts=Counter(verdicts.column("verdict").to_pylist()))
    counts.steps.update(outbox.column("step").to_pylist())
    counts.templates.update(outbox.column("template").to_pylist())
    return counts


def _outbox(
    sending: _Sending, effects: pa.RecordBatch, people: pa.RecordBatch, rows: pa.Int64Array, templates: pa.StringArray
) -> pa.RecordBatch:
    outbox = message_rows(
        sending.live.plan.campaign,
        rows,
        effects.column("user_id"),
        people,
        effects.column("step"),
        templates,
        effects.column("occurrence").to_pylist(),
        read_objects(effects.column("payload"), sending.fields),
    )
    return outbox.append_column(EXECUTION, effects.column("execution_id"))


def _templates(payloads: pa.StringArray) -> pa.StringArray:
    return pa.array([json.loads(each).get("template") for each in payloads.to_pylist()], pa.string())


def _verdict_rows(rows: pa.Int64Array, effects: pa.RecordBatch, labels: pa.StringArray) -> pa.RecordBatch:
    columns = {
        "row": rows,
        "recipient": effects.column("user_id"),
        "verdict": labels,
        EXECUTION: effects.column("execution_id"),
        "step": effects.column("step"),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
