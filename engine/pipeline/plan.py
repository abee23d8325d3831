"""The plan: what each recipient gets, as a pure function of campaign, frozen audience and clock.

Everything here works on one block and knows nothing of partitions, workers or files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.audience.columns import text_of_key
from engine.audience.eligibility import LABELS, Marks, Verdict
from engine.campaign.schema import Campaign
from engine.campaign.steps import GenericStep, TriggerWebhook, UpdateUserData, WaitCondition
from engine.conditions import ConditionSet
from engine.errors import CampaignError
from engine.personalization.assignment import uniform
from engine.pipeline.counts import PlanCounts
from engine.pipeline.definition import SEGMENT, PlanDefinition
from engine.pipeline.message_rows import judge_people, message_rows
from engine.workflow import Passage, WorkflowProgram
from engine.workflow.effects import Emitted

AUTOMATED = (WaitCondition, UpdateUserData, TriggerWebhook, GenericStep)
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """``verdicts``: a row a recipient. ``outbox``: a row a message, ordered by recipient and step."""

    verdicts: pa.RecordBatch
    outbox: pa.RecordBatch
    counts: PlanCounts


class PlanProgram:
    """A plan, compiled for an audience's columns."""

    def __init__(self, definition: PlanDefinition) -> None:
        campaign = definition.campaign
        self._definition = definition
        self._segments = ConditionSet(campaign.segments, definition.audience, definition.now, campaign.timezone)
        self._workflow = WorkflowProgram(campaign, definition.audience, uniform, definition.now)

    def plan(self, first_row: int, block: pa.RecordBatch, marks: Marks, *, everybody: bool = False) -> PlannedBlock:
        """Plan the recipients of one block, of which the first is row ``first_row`` of the audience.

        ``everybody`` sends the ineligible through the workflow too: what they would get if they were eligible.
        """
        recipients = text_of_key(block.column(self._definition.campaign.audience.key))
        verdicts = judge_people(self._definition.campaign, block, recipients, marks)
        eligible = verdicts == Verdict.ELIGIBLE
        segments = self._segments.evaluate(block)
        passage = self._workflow.run(_with_masks(block, segments), recipients, eligible | everybody)
        rows = np.arange(first_row, first_row + block.num_rows, dtype=np.int64)
        return PlannedBlock(
            _verdict_rows(rows, recipients, verdicts, segments),
            self._outbox(rows, recipients, passage),
            _count(verdicts, segments, passage),
        )

    def _outbox(self, rows: npt.NDArray[np.int64], recipients: pa.StringArray, passage: Passage) -> pa.RecordBatch:
        definition = self._definition
        order = _messages_in_order(passage.sends)
        index = order.row
        taken = passage.batch.take(pa.array(index))
        return message_rows(
            definition.campaign,
            pa.array(rows[index]),
            recipients.take(pa.array(index)),
            taken,
            _names([send.step for send in passage.sends], order.send),
            _names([_template(send) for send in passage.sends], order.send),
            definition.occurrence,
            {name: _field(name, passage, taken, order) for name in definition.fields},
        )


def refuse_automation(campaign: Campaign) -> None:
    """A plan is made at one go: it waits for nothing, calls nobody and changes nobody. Raises CampaignError (MR124)."""
    reasons = ["a trigger"] if campaign.trigger is not None else []
    reasons += [f"the step `{step.id}` ({step.type})" for step in campaign.workflow if isinstance(step, AUTOMATED)]
    if reasons:
        message = f"the campaign has {reasons[0]}, and a run plans all at once"
        raise CampaignError.single(
            "MR124", message, help="waits, webhooks, updates and triggers need the automation job"
        )


def _with_masks(block: pa.RecordBatch, masks: Mapping[str, Mask]) -> pa.RecordBatch:
    for name, mask in masks.items():
        block = block.append_column(name, pa.array(mask))
    return block


@dataclass(frozen=True, slots=True)
class _Order:
    """The messages of a block, by row and then as each row is sent them: its row in the block, which send made it, and where it
    stands among those of all sends, one behind the other."""

    row: npt.NDArray[np.int64]
    send: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]


def _messages_in_order(sends: Sequence[Emitted]) -> _Order:
    rows = np.concatenate([*(send.rows for send in sends), np.zeros(0, dtype=np.int64)])
    send = np.repeat(np.arange(len(sends)), [len(each.rows) for each in sends])
    order = np.argsort(rows, kind="stable")
    return _Order(rows[order], send[order], order)


def _template(send: Emitted) -> str:
    return str(send.effect.constants["template"])


def _field(name: str, passage: Passage, taken: pa.RecordBatch, order: _Order) -> pa.Array:
    """A column for each message; one that steps write, as it was when the message was sent."""
    if not passage.sends or name not in passage.sends[0].written:
        return taken.column(name)
    then = [send.written[name].take(pa.array(send.rows)) for send in passage.sends]
    return pa.concat_arrays(then).take(pa.array(order.place))


def _names(names: Sequence[str], which: npt.NDArray[np.int64]) -> pa.StringArray:
    return pa.array(names, pa.string()).take(pa.array(which))


def _verdict_rows(
    rows: npt.NDArray[np.int64],
    recipients: pa.StringArray,
    verdicts: npt.NDArray[np.int8],
    segments: Mapping[str, Mask],
) -> pa.RecordBatch:
    columns = {
        "row": pa.array(rows),
        "recipient": recipients,
        "verdict": pa.array(LABELS).take(pa.array(verdicts)),
        **{SEGMENT + name: pa.array(mask) for name, mask in segments.items()},
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _count(verdicts: npt.NDArray[np.int8], segments: Mapping[str, Mask], passage: Passage) -> PlanCounts:
    by_verdict = np.bincount(verdicts, minlength=len(LABELS))
    eligible = verdicts == Verdict.ELIGIBLE
    counts = PlanCounts(
        recipients=len(verdicts),
        verdicts=Counter(dict(zip(LABELS, by_verdict.tolist(), strict=True))),
        segments=Counter({name: int(mask.sum()) for name, mask in segments.items()}),
        segments_eligible=Counter({name: int((mask & eligible).sum()) for name, mask in segments.items()}),
        branches={step: Counter(targets) for step, targets in passage.taken.items()},
    )
    for send in passage.sends:
        counts.steps[send.step] += len(send.rows)
        counts.templates[_template(send)] += len(send.rows)
    return counts
