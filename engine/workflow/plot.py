"""A workflow, compiled: its steps and rules as programs over cohorts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa

from engine.campaign import steps as schema
from engine.campaign.schema import Campaign
from engine.campaign.steps import END
from engine.conditions import Checkers, ConditionSet, workflow_schema
from engine.conditions.workflow import EVENT, written_columns
from engine.workflow.rules import Rules
from engine.workflow.scope import Assign, Scope, StepKind
from engine.workflow.steps import STEPS


class Plot:
    """``names`` are the steps in the order of the file, ``places`` their positions. All sequences are by position.

    ``context``: the columns that an execution carries with it; ``written``: these, and the attributes that steps set.
    ``fields``: the columns that messages take with them. ``watching``: the steps at which every event is looked at.
    """

    def __init__(
        self,
        campaign: Campaign,
        audience: pa.Schema,
        now: datetime | None,
        assign: Assign,
        fields: Sequence[str],
        installed: Mapping[str, StepKind],
    ) -> None:
        steps = campaign.workflow
        self.names = tuple(step.id for step in steps)
        self.places = {name: place for place, name in enumerate(self.names)}
        self.types = tuple(step.type for step in steps)
        self.schema = workflow_schema(audience, campaign)
        self.fields = tuple(fields)
        self.events = campaign.events
        self.context_fields = written_columns(steps)
        event = self.schema.get_field_index(EVENT)
        if event >= 0 and pa.types.is_struct(self.schema.field(event).type) and EVENT not in audience.names:
            self.context_fields[EVENT] = self.schema.field(event).type
        self.context = frozenset(self.context_fields)
        attributes = [name for step in steps if isinstance(step, schema.UpdateUserData) for name in step.set]
        self.attributes = {name: self.schema.field(name).type for name in attributes}
        self.written = tuple(dict.fromkeys([*written_columns(steps), *attributes]))
        checkers = Checkers(campaign.timezone)
        self.segments: ConditionSet | None = None
        if campaign.segments:
            self.segments = ConditionSet(campaign.segments, audience, now, campaign.timezone, checkers.of(audience))
        scopes = [
            Scope(campaign, self.schema, now, assign, following, installed, checkers)
            for following in [*self.names[1:], END]
        ]
        self.programs = [STEPS[type(step)](step, scope) for step, scope in zip(steps, scopes, strict=True)]
        self.failing = [
            (step.retry, step.critical, getattr(step, "next", None) or scope.following)
            for step, scope in zip(steps, scopes, strict=True)
        ]
        conditional = [isinstance(step, schema.WaitCondition) and step.condition is not None for step in steps]
        self.watching = np.flatnonzero(conditional)
        self.exits = Rules(campaign.exit, scopes[0])
        self.goal = Rules([campaign.goal] if campaign.goal else [], scopes[0])
