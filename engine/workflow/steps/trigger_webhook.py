"""trigger_webhook: a call to somebody else's address, whose answer the execution waits for. The call itself is an effect."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.campaign import steps as schema
from engine.conditions.workflow import TYPES
from engine.workflow.cohort import NEVER, REPLY, Advance, Cause, Cohort, Effect, Failure, Hold, Route
from engine.workflow.executions import EffectKind
from engine.workflow.json_columns import objects, read_foreign
from engine.workflow.scope import Scope


class TriggerWebhook:
    def __init__(self, step: schema.TriggerWebhook, scope: Scope) -> None:
        self._next = step.next or scope.following
        self._payload = scope.values(step.payload, {}) if step.payload else None
        self._request = {
            **{"url": step.url, "method": str(step.method), "headers": step.headers, "credentials": step.credentials},
            **{"per_second": step.per_second, "response": {name: value.path for name, value in step.response.items()}},
        }
        self._fields = {name: TYPES[value.type] for name, value in step.response.items()}

    def advance(self, cohort: Cohort) -> Advance:
        return self._answered(cohort) if cohort.cause is Cause.REPLY else self._call(cohort)

    def _call(self, cohort: Cohort) -> Advance:
        """Each try is an effect of its own."""
        everybody = cohort.everybody()
        columns = {}
        if self._payload is not None:
            found = self._payload.evaluate(cohort.batch(self._payload.columns), cohort.times)
            columns = {name: values for name, (values, _) in found.items()}
        body = objects(columns, len(cohort), nulls=True)
        call = Effect(EffectKind.CALL, everybody, {"body": body}, {"request": self._request}, suffix=cohort.tries + 1)
        never = np.full(len(cohort), NEVER, dtype=np.int64)
        return Advance(hold=Hold(everybody, never, awaits=REPLY), effects=[call])

    def _answered(self, cohort: Cohort) -> Advance:
        replies = cohort.replies
        assert replies is not None
        columns = read_foreign(replies.bodies, self._fields)
        output = objects(columns, len(cohort)) if columns else pa.nulls(len(cohort), pa.string())
        return Advance(
            [Route(self._next, replies.good, output=output)],
            failure=Failure(~replies.good, replies.errors, replies.again, replies.again_at),
            columns=columns,
        )
