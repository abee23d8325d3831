"""wait_condition: for a time, until an instant or a local time, until something happens, or until a condition holds."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa

from engine.campaign import steps as schema
from engine.campaign.durations import TIME_OF_DAY, instant, microseconds, time_of_day
from engine.campaign.steps import END
from engine.workflow.cohort import Advance, Cause, Cohort, Hold, Instants, Mask, Route, StepProgram
from engine.workflow.executions import Outcome
from engine.workflow.local_time import next_times
from engine.workflow.scope import Scope


def wait_condition(step: schema.WaitCondition, scope: Scope) -> StepProgram:
    if step.event is not None:
        return _Event(step, scope)
    return _Condition(step, scope) if step.condition is not None else _Timed(step, scope)


class _Timed:
    """Over when its time has come."""

    def __init__(self, step: schema.WaitCondition, scope: Scope) -> None:
        self._step = step
        self._next = step.next or scope.following
        self._default_zone = step.timezone or scope.campaign.timezone
        self._zone_column = None if step.timezone else scope.campaign.audience.timezone
        self._days = [list(schema.Weekday).index(day) for day in step.weekdays]

    def advance(self, cohort: Cohort) -> Advance:
        if cohort.cause is not Cause.ARRIVED:
            return Advance([Route(self._next, cohort.everybody())])
        due = self._due(cohort)
        over = due <= cohort.at
        return Advance([Route(self._next, over)], Hold(~over, due))

    def _due(self, cohort: Cohort) -> Instants:
        if self._step.for_ is not None:
            return cohort.at + microseconds(self._step.for_)
        until = self._step.until or ""
        if re.fullmatch(TIME_OF_DAY, until) is None:
            return np.full(len(cohort), instant(until), dtype=np.int64)
        return next_times(cohort.at, self._zones(cohort), self._default_zone, time_of_day(until), self._days)

    def _zones(self, cohort: Cohort) -> pa.StringArray:
        if self._zone_column is None:
            return pa.nulls(len(cohort), pa.string())
        return cohort.batch([self._zone_column]).column(0).cast(pa.string())


class _Event:
    """Over when the event happens, or has not happened in time."""

    def __init__(self, step: schema.WaitCondition, scope: Scope) -> None:
        self._event = step.event
        self._timeout = microseconds(step.timeout or "")
        self._next = step.next or scope.following
        self._on_timeout = step.on_timeout or END
        self._when = scope.conditions({"when": step.when}, step.event) if step.when else None

    def advance(self, cohort: Cohort) -> Advance:
        everybody = cohort.everybody()
        if cohort.cause is Cause.ARRIVED:
            until = cohort.at + self._timeout
            return Advance(hold=Hold(everybody, until, until, self._event))
        if cohort.cause is Cause.TIMER:
            return Advance([Route(self._on_timeout, everybody, Outcome.TIMED_OUT)])
        happened = everybody if self._when is None else self._when.hold(cohort)["when"]
        return Advance([Route(self._next, happened, output=self._event)])


class _Condition:
    """Over when the condition holds, or has not held in time. It is looked at on arrival, whenever something happens to the person,
    at every ``every``, and at the end."""

    def __init__(self, step: schema.WaitCondition, scope: Scope) -> None:
        self._timeout = microseconds(step.timeout or "")
        self._every = microseconds(step.every)
        self._next = step.next or scope.following
        self._on_timeout = step.on_timeout or END
        self._condition = scope.conditions({"holds": step.condition or ""})

    def advance(self, cohort: Cohort) -> Advance:
        holds = self._condition.hold(cohort)["holds"]
        if cohort.cause is Cause.CHANGED:
            return Advance([Route(self._next, holds)])
        until = cohort.at + self._timeout if cohort.cause is Cause.ARRIVED else cohort.until
        late: Mask = ~holds & (cohort.at >= until)
        routes = [Route(self._next, holds), Route(self._on_timeout, late, Outcome.TIMED_OUT)]
        return Advance(routes, Hold(~holds & ~late, np.minimum(cohort.at + self._every, until), until))
