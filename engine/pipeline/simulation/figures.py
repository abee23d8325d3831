"""What a simulation comes to, as numbers that add up over partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from engine.pipeline.simulation.contract import DAY, MINUTE, SimulationPlan
from engine.pipeline.simulation.gate import Fate
from engine.pipeline.simulation.load import PRIORITIES
from engine.workflow.executions import Outcome, State

OUTCOMES = tuple(Outcome)
ENDS = (State.DONE, State.EXITED, State.FAILED)
MOST_DELAY = 24
"""Hours by which a message is put off; the last class has all longer ones."""
MOST_MESSAGES = 20
Numbers = npt.NDArray[np.int64]


class Refusal(StrEnum):
    """Why somebody does not enter."""

    ALIVE = "in_it_already"
    REENTRY = "too_soon_again"
    NOT_WHILE = "in_another"
    ONLY_AFTER = "not_through_another"


@dataclass(slots=True)
class WorkflowFigures:
    """Days are those of the period, from its start on (UTC); steps and outcomes are by their places.

    ``entered``, ``goals`` (days), ``ended`` (ENDS, days): executions; ``alive``: at the end. ``refused``: by reason. ``steps`` (steps,
    OUTCOMES): visits of steps, by how they ended. ``ways`` (step, where to): people. ``fates`` (steps, Fate): messages; ``moved``
    (steps): those that were put off. ``first`` and ``last`` (steps): when the first and last message of a step went.
    """

    people: int
    entered: Numbers
    goals: Numbers
    ended: Numbers
    steps: Numbers
    fates: Numbers
    moved: Numbers
    first: Numbers
    last: Numbers
    alive: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    ways: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def blank(cls, days: int, steps: int) -> WorkflowFigures:
        return cls(
            people=0,
            entered=_zeros(days),
            goals=_zeros(days),
            ended=_zeros(len(ENDS), days),
            steps=_zeros(steps, len(OUTCOMES)),
            fates=_zeros(steps, len(Fate)),
            moved=_zeros(steps),
            first=np.full(steps, np.iinfo(np.int64).max),
            last=np.full(steps, np.iinfo(np.int64).min),
        )


@dataclass(slots=True)
class Figures:
    """``sent`` and ``planned`` (workflows, days), by the days on which messages go and on which they were decided on. ``hours`` (2, 7,
    24): messages decided on and sent, by weekday and hour of the plan's zone. ``delays`` (MOST_DELAY + 1): messages put off, by whole
    hours. ``a_person`` (MOST_MESSAGES + 1): people by how many messages they were sent. ``items`` (priorities, minutes): work.
    """

    workflows: list[WorkflowFigures]
    sent: Numbers
    planned: Numbers
    capped: Numbers
    hours: Numbers
    delays: Numbers
    a_person: Numbers
    items: Numbers
    people: int = 0
    events: int = 0
    strangers: int = 0
    repeated: int = 0

    @classmethod
    def blank(cls, plan: SimulationPlan) -> Figures:
        days, count = plan.days, len(plan.workflows)
        return cls(
            workflows=[WorkflowFigures.blank(days, len(each.campaign.workflow)) for each in plan.workflows],
            sent=_zeros(count, days),
            planned=_zeros(count, days),
            capped=_zeros(count, days),
            hours=_zeros(2, 7, 24),
            delays=_zeros(MOST_DELAY + 1),
            a_person=_zeros(MOST_MESSAGES + 1),
            items=_zeros(len(PRIORITIES), days * DAY // MINUTE),
        )

    def add(self, other: Figures) -> None:
        for mine, theirs in zip(self.workflows, other.workflows, strict=True):
            mine.first, mine.last = np.minimum(mine.first, theirs.first), np.maximum(mine.last, theirs.last)
            _add(mine, theirs, ("first", "last"))
        _add(self, other, ("workflows",))


def count_into(numbers: Numbers, *places: npt.NDArray[np.integer]) -> None:
    """Add one at each of some places, of which each axis has an array."""
    if len(places[0]):
        flat = np.ravel_multi_index(tuple(each.astype(np.int64) for each in places), numbers.shape)
        numbers += np.bincount(flat, minlength=numbers.size).reshape(numbers.shape)


def _add(mine: object, theirs: object, left_out: Sequence[str]) -> None:
    for each in fields(mine):  # type: ignore[arg-type]  # a dataclass
        if each.name not in left_out:
            value = getattr(mine, each.name)
            value += getattr(theirs, each.name)
            setattr(mine, each.name, value)


def _zeros(*shape: int) -> Numbers:
    return np.zeros(shape, dtype=np.int64)
