"""segment_user: writes the value of the first choice whose condition holds, and enters the person into that segment."""

from __future__ import annotations

import pyarrow as pa

from engine.campaign import steps as schema
from engine.workflow.cohort import Advance, Cohort, Effect, Route
from engine.workflow.executions import EffectKind
from engine.workflow.scope import Scope


class SegmentUser:
    def __init__(self, step: schema.SegmentUser, scope: Scope) -> None:
        self._into = step.into
        self._next = step.next or scope.following
        self._values = pa.array([*(choice.value for choice in step.choices), step.else_], pa.string())
        self._names = [str(number) for number in range(len(step.choices))]
        self._conditions = scope.conditions(dict(zip(self._names, [each.when for each in step.choices], strict=True)))

    def advance(self, cohort: Cohort) -> Advance:
        everybody = cohort.everybody()
        chosen = self._values.take(pa.array(self._conditions.first(cohort, self._names)))
        membership = Effect(
            EffectKind.MEMBERSHIP, everybody, {"segment_value": chosen}, constants={"segment_type": self._into}
        )
        return Advance(
            [Route(self._next, everybody, output=chosen)], columns={self._into: chosen}, effects=[membership]
        )
