"""update_user_data: attributes of the person, each from an expression over what stood there before."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.campaign import steps as schema
from engine.workflow.cohort import Advance, Cohort, Effect, Failure, Route
from engine.workflow.executions import EffectKind
from engine.workflow.json_columns import objects
from engine.workflow.scope import Scope


class UpdateUserData:
    def __init__(self, step: schema.UpdateUserData, scope: Scope) -> None:
        self._next = step.next or scope.following
        self._values = scope.values(step.set, {name: scope.schema.field(name).type for name in step.set})

    def advance(self, cohort: Cohort) -> Advance:
        found = self._values.evaluate(cohort.batch(self._values.columns), cohort.times)
        wrong = np.logical_or.reduce([unfit for _, unfit in found.values()])
        first = np.select([unfit for _, unfit in found.values()], list(range(len(found))), 0)
        errors = [f"`{name}`: no finite number, or no value of type {self._values.types[name]}" for name in found]
        columns = {name: values for name, (values, _) in found.items()}
        return Advance(
            [Route(self._next, ~wrong, output=objects(columns, len(cohort), nulls=True))],
            failure=Failure(wrong, pa.array(errors).take(pa.array(first)), again=wrong),
            columns=columns,
            effects=[Effect(EffectKind.UPDATE, ~wrong, columns)],
        )
