"""segment_user: writes the value of the first choice whose condition holds into a column."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.campaign import steps as schema
from engine.workflow.cohort import Advance, Cohort
from engine.workflow.steps.scope import Scope


class SegmentUser:
    def __init__(self, step: schema.SegmentUser, scope: Scope) -> None:
        self._into = step.into
        self._next = step.next or scope.following
        self._values = pa.array([*(choice.value for choice in step.choices), step.else_], pa.string())
        self._conditions = scope.conditions({str(number): choice.when for number, choice in enumerate(step.choices)})

    def advance(self, cohort: Cohort) -> Advance:
        holds = self._conditions.evaluate(cohort.batch)
        otherwise = len(self._values) - 1
        choice = np.select([holds[str(number)] for number in range(otherwise)], list(range(otherwise)), otherwise)
        chosen = self._values.take(pa.array(choice))
        written = pc.if_else(pa.array(cohort.here), chosen, cohort.batch.column(self._into))
        return Advance({self._next: cohort.here}, {self._into: written})
