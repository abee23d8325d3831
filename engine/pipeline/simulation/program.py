"""A workflow, compiled to be simulated: calls are answered at once, and what concerns it is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from engine.campaign.automation import Happening
from engine.campaign.durations import microseconds
from engine.campaign.schema import Campaign, Priority
from engine.campaign.steps import (
    AnyStep,
    ConditionalBranch,
    GenericStep,
    SendEmail,
    Share,
    TriggerWebhook,
    UpdateUserData,
    WaitCondition,
)
from engine.conditions import workflow_schema
from engine.personalization.assignment import uniform
from engine.pipeline.simulation.contract import SimulatedWorkflow
from engine.workflow import WorkflowProgram
from engine.workflow.cohort import Advance, Cohort, Route
from engine.workflow.definition import again_after, definition_of
from engine.workflow.scope import Scope, StepKind
from engine.workflow.triggers import TriggerProgram

API_EVENT = "trigger:"
_ANSWERED = "trigger_webhook:answered"  # no installed step can be called so


class SimulatedProgram:
    """``attributes`` are the columns that steps set, with those of the audience among them; ``mentioned`` the events that it
    names; with ``watches`` it looks at whatever happens to a person, changes of their columns among it."""

    def __init__(self, workflow: SimulatedWorkflow, installed: Mapping[str, StepKind]) -> None:
        campaign, self.audience = workflow.campaign, workflow.audience
        self.campaign, self.name = campaign, campaign.name
        self.again_after = again_after(campaign)
        self.workflow = WorkflowProgram(
            _answered(campaign), self.audience, uniform, installed={**installed, _ANSWERED: _Answered}
        )
        self.triggers = TriggerProgram(campaign, self.audience, definition_of(campaign).version)
        self.steps = tuple(step.id for step in campaign.workflow)
        self.attributes = _attributes(campaign, self.audience)
        self.mentioned, self.watches = mentioned(campaign), watches(campaign)

    @property
    def trigger_event(self) -> str | None:
        return trigger_event(self.campaign)

    @property
    def by_call(self) -> bool:
        """Whether that event is a call of the API."""
        return self.campaign.trigger is not None and self.campaign.trigger.api is True

    @property
    def priority(self) -> int:
        """Its place among the priorities; the most urgent has 0."""
        return list(Priority).index(self.campaign.priority)

    def places(self, kind: type[Any]) -> list[int]:
        """Where the steps of a kind stand."""
        return [place for place, step in enumerate(self.campaign.workflow) if isinstance(step, kind)]

    @property
    def sends(self) -> list[int]:
        return self.places(SendEmail)

    @property
    def splits(self) -> list[int]:
        """Where people are divided by weight."""
        steps = self.campaign.workflow
        return [place for place in self.places(ConditionalBranch) if split_of(steps[place])]

    @property
    def looks(self) -> dict[int, int]:
        """For each wait for a condition, how often it is looked at, in microseconds."""
        steps = self.campaign.workflow
        waits = [(place, steps[place]) for place in self.places(WaitCondition)]
        return {
            place: microseconds(step.every)
            for place, step in waits
            if isinstance(step, WaitCondition) and step.condition
        }


def trigger_event(campaign: Campaign) -> str | None:
    """The event that lets people enter: the trigger's, or a call of the API."""
    trigger = campaign.trigger
    if trigger is None:
        return None
    return f"{API_EVENT}{campaign.name}" if trigger.api else trigger.event


def mentioned(campaign: Campaign) -> set[str]:
    """The events that rules and waits name."""
    named = [*(each.event for each in _rules(campaign)), *(each.event for each in _waits(campaign))]
    return {each for each in named if each is not None}


def watches(campaign: Campaign) -> bool:
    """Whether a condition is looked at whenever something happens to a person."""
    return any(each.event is None for each in _rules(campaign)) or any(each.condition for each in _waits(campaign))


def _rules(campaign: Campaign) -> list[Happening]:
    return [*campaign.exit, *([campaign.goal] if campaign.goal else [])]


def _waits(campaign: Campaign) -> list[WaitCondition]:
    return [step for step in campaign.workflow if isinstance(step, WaitCondition)]


class _Answered:
    """A call that has been answered with success and an empty body."""

    def __init__(self, given: Mapping[str, Any], scope: Scope) -> None:
        self._next = given["next"] or scope.following
        self._columns = {name: scope.schema.field(name).type for name in given["columns"]}

    def advance(self, cohort: Cohort) -> Advance:
        columns = {name: pa.nulls(len(cohort), kind) for name, kind in self._columns.items()}
        return Advance([Route(self._next, cohort.everybody())], columns=columns)


def _answered(campaign: Campaign) -> Campaign:
    """The campaign with its calls answered: by a step of our own, so that nobody waits for the end of a batch."""
    steps = [_answered_step(step) if isinstance(step, TriggerWebhook) else step for step in campaign.workflow]
    return campaign.model_copy(update={"workflow": steps})


def _answered_step(step: TriggerWebhook) -> GenericStep:
    into = {name: value.type for name, value in step.response.items()}
    kept = {"id": step.id, "critical": step.critical, "retry": step.retry, "next": step.next}
    given = {"next": step.next, "columns": list(into)}
    return GenericStep.model_construct(None, type="generic", uses=_ANSWERED, with_=given, into=into, **kept)


def _attributes(campaign: Campaign, audience: pa.Schema) -> dict[str, pa.DataType]:
    columns = workflow_schema(audience, campaign)
    names = [name for step in campaign.workflow if isinstance(step, UpdateUserData) for name in step.set]
    return {name: columns.field(name).type for name in names}


def split_of(step: AnyStep) -> Sequence[Share]:
    """How a step divides people by weight, if it does."""
    return step.split if isinstance(step, ConditionalBranch) else ()


def in_one_group(programs: Sequence[SimulatedProgram]) -> bool:
    """Whether who enters one workflow may depend on another."""
    return any(each.campaign.not_while or each.campaign.only_after for each in programs)
