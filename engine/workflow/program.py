"""A workflow, compiled: a cohort goes through all its steps as a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter

import numpy as np
import pyarrow as pa

from engine.campaign import steps as schema
from engine.campaign.steps import END
from engine.workflow.cohort import Cohort, Mask, Send
from engine.workflow.steps import STEPS
from engine.workflow.steps.scope import Scope


@dataclass(frozen=True, slots=True)
class Passage:
    """What became of a batch: its columns with what the steps wrote, the messages to send in the order of the steps, and for each
    step how many rows went to each of its targets."""

    batch: pa.RecordBatch
    sends: tuple[Send, ...]
    taken: Mapping[str, Mapping[str, int]]


class WorkflowProgram:
    """Steps without a cycle, in an order in which each row passes a step after all the steps before it."""

    def __init__(self, steps: Sequence[schema.AnyStep], columns: pa.Schema, now: datetime, timezone: str) -> None:
        """``columns`` are all that conditions may read, those that the steps write included."""
        following = following_steps(steps)
        self._written = written_columns(steps)
        self._order = _in_order(steps, following)
        self._steps = {
            step.id: STEPS[type(step)](step, Scope(columns, now, timezone, following[step.id])) for step in steps
        }
        self._first = steps[0].id

    def run(self, batch: pa.RecordBatch, entering: Mask) -> Passage:
        """Send the rows in ``entering`` through the workflow."""
        batch = self._with_blank_columns(batch)
        nobody = np.zeros(batch.num_rows, dtype=np.bool_)
        at: dict[str, Mask] = {self._first: entering}
        sends: list[Send] = []
        taken: dict[str, dict[str, int]] = {}
        for step in self._order:
            here = at.get(step, nobody)
            advance = self._steps[step].advance(Cohort(batch, here))
            for name, column in advance.columns.items():
                batch = batch.set_column(batch.schema.get_field_index(name), name, column)
            for target, mask in advance.routes.items():
                at[target] = at[target] | mask if target in at else mask
            sends.extend(advance.sends)
            taken[step] = {target: int(mask.sum()) for target, mask in advance.routes.items()}
        return Passage(batch, tuple(sends), taken)

    def _with_blank_columns(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        for name in self._written:
            batch = batch.append_column(name, pa.nulls(batch.num_rows, pa.string()))
        return batch


def following_steps(steps: Sequence[schema.AnyStep]) -> dict[str, str]:
    """For each step the one after it in the list, or ``end``."""
    names = [step.id for step in steps]
    return dict(zip(names, [*names[1:], END], strict=True))


def written_columns(steps: Sequence[schema.AnyStep]) -> list[str]:
    """The columns that segment_user steps write, in the order of the steps."""
    return list(dict.fromkeys(step.into for step in steps if isinstance(step, schema.SegmentUser)))


def _in_order(steps: Sequence[schema.AnyStep], following: Mapping[str, str]) -> list[str]:
    before: dict[str, set[str]] = {step.id: set() for step in steps}
    for step in steps:
        for target in targets(step, following[step.id]):
            if target != END:
                before[target].add(step.id)
    place = {step.id: number for number, step in enumerate(steps)}
    sorter = TopologicalSorter(before)
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        for name in sorted(sorter.get_ready(), key=place.__getitem__):
            order.append(name)
            sorter.done(name)
    return order


def targets(step: schema.AnyStep, following: str) -> list[str]:
    """The steps to which a step may send a row."""
    if isinstance(step, schema.ConditionalBranch):
        return [*(branch.next for branch in step.branches), step.else_ or END]
    return [getattr(step, "next", None) or following]
