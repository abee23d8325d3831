"""What the expressions of a workflow may read: the audience's columns, segments, what steps write, and events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from engine.campaign.automation import Properties
from engine.campaign.document import KeyPath
from engine.campaign.schema import Campaign
from engine.campaign.steps import (
    AnyStep,
    ConditionalBranch,
    GenericStep,
    PropertyType,
    SegmentUser,
    TriggerWebhook,
    UpdateUserData,
    WaitCondition,
)
from engine.conditions.check import Checker
from engine.conditions.values import plain_type
from engine.errors import CampaignError

EVENT = "event"
TYPES: Mapping[PropertyType, pa.DataType] = {
    PropertyType.TEXT: pa.string(),
    PropertyType.NUMBER: pa.float64(),
    PropertyType.INTEGER: pa.int64(),
    PropertyType.BOOLEAN: pa.bool_(),
    PropertyType.INSTANT: pa.timestamp("us", "UTC"),
}


@dataclass(frozen=True, slots=True)
class Text:
    """An expression of a campaign, where it stands, and what it reads."""

    path: KeyPath
    text: str
    schema: pa.Schema
    is_condition: bool = True


def workflow_schema(audience: pa.Schema, campaign: Campaign) -> pa.Schema:
    """What the workflow's conditions read: the audience's columns, a boolean a segment, what the steps write, the event that began
    the execution (a struct, if its properties are declared), and the new attributes that the steps set."""
    segments = [pa.field(name, pa.bool_()) for name in campaign.segments]
    written = [pa.field(name, kind) for name, kind in written_columns(campaign.workflow).items()]
    columns = with_event(pa.schema([*audience, *segments, *written]), beginning_properties(campaign))
    return _with_attributes(columns, campaign)


def beginning_properties(campaign: Campaign) -> Properties:
    """The declared properties of what begins executions: the trigger's event, or calls of the API."""
    trigger = campaign.trigger
    if trigger is None:
        return {}
    return trigger.properties if trigger.api else campaign.events.get(trigger.event or "", {})


def written_columns(steps: list[AnyStep]) -> dict[str, pa.DataType]:
    """The columns that steps write into an execution's context, with their types, in the order of the steps."""
    written: dict[str, pa.DataType] = {}
    for step in steps:
        if isinstance(step, SegmentUser):
            written.setdefault(step.into, pa.string())
        elif isinstance(step, TriggerWebhook):
            for name, value in step.response.items():
                written.setdefault(name, TYPES[value.type])
        elif isinstance(step, GenericStep):
            for name, kind in step.into.items():
                written.setdefault(name, TYPES[kind])
    return written


def properties_type(properties: Properties) -> pa.DataType:
    return pa.struct([pa.field(name, TYPES[kind]) for name, kind in properties.items()])


def with_event(columns: pa.Schema, properties: Properties) -> pa.Schema:
    """The columns with an event of these properties in place of the one that is there; without any if there are none."""
    index = columns.get_field_index(EVENT)
    if index >= 0 and pa.types.is_struct(columns.field(index).type):
        columns = columns.remove(index)
    return columns.append(pa.field(EVENT, properties_type(properties))) if properties else columns


def texts(audience: pa.Schema, campaign: Campaign) -> Iterator[Text]:
    """Every expression of a campaign."""
    if campaign.audience.where is not None:
        yield Text(("audience", "where"), campaign.audience.where, audience)
    for name, condition in campaign.segments.items():
        yield Text(("segments", name), condition, audience)
    columns = workflow_schema(audience, campaign)
    trigger = campaign.trigger
    if trigger is not None and trigger.when is not None:
        entering = pa.schema([*audience, *(pa.field(name, pa.bool_()) for name in campaign.segments)])
        yield Text(("trigger", "when"), trigger.when, with_event(entering, beginning_properties(campaign)))
    rules = [(("exit", index), rule) for index, rule in enumerate(campaign.exit)]
    for path, rule in [*rules, *([(("goal",), campaign.goal)] if campaign.goal else [])]:
        if rule.when is not None:
            schema = with_event(columns, campaign.events.get(rule.event, {})) if rule.event else columns
            yield Text((*path, "when"), rule.when, schema)
    for number, step in enumerate(campaign.workflow):
        yield from _of_step(("workflow", number), step, columns, campaign)


def _of_step(path: KeyPath, step: AnyStep, columns: pa.Schema, campaign: Campaign) -> Iterator[Text]:
    if isinstance(step, ConditionalBranch):
        for index, branch in enumerate(step.branches):
            yield Text((*path, "branches", index, "when"), branch.when, columns)
    elif isinstance(step, SegmentUser):
        for index, choice in enumerate(step.choices):
            yield Text((*path, "choices", index, "when"), choice.when, columns)
    elif isinstance(step, WaitCondition):
        if step.when is not None:
            yield Text((*path, "when"), step.when, with_event(columns, campaign.events.get(step.event or "", {})))
        if step.condition is not None:
            yield Text((*path, "condition"), step.condition, columns)
    elif isinstance(step, UpdateUserData):
        for name, text in step.set.items():
            yield Text((*path, "set", name), text, columns, is_condition=False)
    elif isinstance(step, TriggerWebhook):
        for name, text in step.payload.items():
            yield Text((*path, "payload", name), text, columns, is_condition=False)


def _with_attributes(columns: pa.Schema, campaign: Campaign) -> pa.Schema:
    """The columns and the new attributes, each of the type of the first expression that sets it; an expression reads those that stand
    before it."""
    for step in campaign.workflow:
        if isinstance(step, UpdateUserData):
            checker = Checker(columns, campaign.timezone)
            for name, text in step.set.items():
                if columns.get_field_index(name) < 0:
                    columns = columns.append(pa.field(name, _type_of(checker, text)))
    return columns


def _type_of(checker: Checker, text: str) -> pa.DataType:
    try:
        return plain_type(checker.check_value(text)[1])
    except CampaignError:  # told where all expressions are checked
        return pa.string()
