"""The contract of steps: what a step is given and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.workflow.executions import EffectKind, Outcome
from engine.workflow.frame import Frame

Mask = npt.NDArray[np.bool_]
Instants = npt.NDArray[np.int64]
NEVER = int(np.iinfo(np.int64).max)
"""Later than every instant."""
REPLY = "reply"
"""What an execution awaits that has made a call."""


class Cause(StrEnum):
    """Why a cohort is worked on."""

    ARRIVED = "arrived"  # it has come to the step, or tries it again
    TIMER = "timer"  # it waited at the step until it was due
    EVENT = "event"  # what it awaits has happened: ``cohort.event``
    CHANGED = "changed"  # something has happened to the person, and it waits for a condition
    REPLY = "reply"  # its call was answered: ``cohort.replies``


@dataclass(frozen=True, slots=True)
class Replies:
    """How the calls of n executions ended. ``bodies``: JSON objects of what ``response`` names; ``again_at``: not before, or 0."""

    good: Mask
    again: Mask
    errors: pa.StringArray
    bodies: pa.StringArray
    again_at: Instants


@dataclass(frozen=True, slots=True)
class Cohort:
    """n executions that stand at one step, for one cause.

    ``rows`` are theirs in the frame, ``at`` the time of each (UTC microseconds), ``until`` when a wait with a timeout ends, ``tries``
    how often each has failed at the step. Columns are asked for by name.
    """

    frame: Frame
    rows: npt.NDArray[np.int64]
    at: Instants
    until: Instants
    tries: npt.NDArray[np.int32]
    cause: Cause
    event: pa.StructArray | None = None
    replies: Replies | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def times(self) -> pa.TimestampArray:
        return pa.array(self.at).view(pa.timestamp("us", "UTC"))

    @property
    def users(self) -> pa.StringArray:
        return self.frame.select(self.frame.users, self.rows)

    def batch(self, names: Sequence[str]) -> pa.RecordBatch:
        """The cohort's rows of some columns."""
        return self.frame.batch(names, self.rows, self.times, self.event)

    def everybody(self) -> Mask:
        return np.ones(len(self.rows), dtype=np.bool_)

    def nobody(self) -> Mask:
        return np.zeros(len(self.rows), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Route:
    """Those in ``rows`` (boolean, length n) go on to a step, or to ``end``. ``output`` is told in their history."""

    target: str
    rows: Mask
    outcome: Outcome = Outcome.DONE
    output: str | pa.StringArray | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Those in ``rows`` wait here until ``due``. ``until`` is when a wait with a timeout ends; all arrays have length n."""

    rows: Mask
    due: Instants
    until: Instants | None = None
    awaits: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The step failed for those in ``rows``. Where ``again`` is false it is not tried again; ``not_before`` puts a try off."""

    rows: Mask
    errors: pa.StringArray
    again: Mask
    not_before: Instants | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What is to be done for those in ``rows``. The columns (length n) become the payload, ``constants`` are the same in each.

    ``suffix`` is a further part of the effect's name, where one visit of a step has several.
    """

    kind: EffectKind
    rows: Mask
    columns: Mapping[str, pa.Array] = field(default_factory=dict)
    constants: Mapping[str, object] = field(default_factory=dict)
    suffix: npt.NDArray[np.int32] | None = None


@dataclass(frozen=True, slots=True)
class Advance:
    """What becomes of a cohort. The masks are disjoint; whoever is in none stays as they were.

    ``columns`` (length n) are written for all but those who failed; null where nothing was found.
    """

    routes: Sequence[Route] = ()
    hold: Hold | None = None
    failure: Failure | None = None
    columns: Mapping[str, pa.Array] = field(default_factory=dict)
    effects: Sequence[Effect] = ()


class StepProgram(Protocol):
    """A step, compiled for an audience's columns."""

    def advance(self, cohort: Cohort) -> Advance:
        """Move a cohort on. Pure, and each row for itself: no other row, no clock but ``cohort.at``, no draw changes the answer."""
