"""All expressions of a campaign, checked in one look."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from engine.campaign.document import Document, KeyPath
from engine.campaign.load import LoadedCampaign
from engine.campaign.schema import Campaign
from engine.campaign.steps import GenericStep, SegmentUser, TriggerWebhook, UpdateUserData
from engine.conditions.check import CheckedCondition, Checkers
from engine.conditions.workflow import EVENT, Text, texts, written_columns
from engine.errors import CampaignError, Diagnostic, did_you_mean


def check_campaign(loaded: LoadedCampaign, audience: pa.Schema) -> None:
    """Check every expression of a campaign against the columns of its audience.

    Raises:
        CampaignError: with every fault in every expression, at its place in the campaign file.
    """
    campaign, document = loaded.campaign, loaded.document
    faults = list(_name_clashes(campaign, document, audience))
    if not faults:
        faults.extend(_faults(loaded, audience))
        faults.extend(_anniversary_fault(campaign, document, audience))
    if faults:
        raise CampaignError(*faults)


def columns_read(campaign: Campaign, audience: pa.Schema) -> set[str]:
    """The columns of the audience that any expression of the campaign reads. The expressions have been checked."""
    checkers = Checkers(campaign.timezone)
    read = {column for text in texts(audience, campaign) for column in _check(checkers, text).columns}
    if campaign.trigger is not None and campaign.trigger.anniversary is not None:
        read.add(campaign.trigger.anniversary)
    return read & set(audience.names)


def _check(checkers: Checkers, text: Text, loaded: LoadedCampaign | None = None) -> CheckedCondition:
    locate = loaded.document.locate(text.path) if loaded else None
    checker = checkers.of(text.schema)
    return checker.check(text.text, locate) if text.is_condition else checker.check_value(text.text, locate)[0]


def _faults(loaded: LoadedCampaign, audience: pa.Schema) -> Iterator[Diagnostic]:
    checkers = Checkers(loaded.campaign.timezone)
    for text in texts(audience, loaded.campaign):
        try:
            _check(checkers, text, loaded)
        except CampaignError as error:
            yield from error.diagnostics


def _anniversary_fault(campaign: Campaign, document: Document, audience: pa.Schema) -> Iterator[Diagnostic]:
    name = campaign.trigger.anniversary if campaign.trigger else None
    if name is None:
        return
    path = ("trigger", "anniversary")
    index = audience.get_field_index(name)
    if index < 0:
        yield document.fault("MR201", f"unknown column `{name}`", path, did_you_mean(name, audience.names))
    elif not (pa.types.is_date(audience.field(index).type) or pa.types.is_timestamp(audience.field(index).type)):
        message = f"the column `{name}` holds no dates"
        yield document.fault("MR205", message, path, "name a column of dates or instants")


def _name_clashes(campaign: Campaign, document: Document, audience: pa.Schema) -> Iterator[Diagnostic]:
    for name in campaign.segments:
        if name in audience.names:
            place = document.place_of_key(("segments", name))
            help = "conditions read segments by name: choose another"
            yield document.fault("MR207", f"the segment `{name}` has the name of a column", place, help)
    declared = _declared_properties(campaign)
    if declared and EVENT in (*audience.names, *campaign.segments):
        message = f"there is a column `{EVENT}`, and `{EVENT}.` is what properties of events are read by"
        help = f"rename the column, or leave `{declared[-1]}` out"
        yield document.fault("MR207", message, document.place_of_key(declared), help)
    written = written_columns(campaign.workflow)
    for number, step in enumerate(campaign.workflow):
        for path, name in _names_written(step):
            where: KeyPath = ("workflow", number, *path)
            place = document.place_of_value(where) if path == ("into",) else document.place_of_key(where)
            attribute = isinstance(step, UpdateUserData)
            what = None if attribute and name in audience.names else _taken(name, campaign, audience)
            if what is None and attribute and name in written:
                what = "written by another step"
            if what is not None:
                yield document.fault("MR207", f"`{name}` is {what} already", place, "write into another column")


def _names_written(step: object) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(step, SegmentUser):
        yield ("into",), step.into
    elif isinstance(step, TriggerWebhook):
        yield from ((("response", name), name) for name in step.response)
    elif isinstance(step, GenericStep):
        yield from ((("into", name), name) for name in step.into)
    elif isinstance(step, UpdateUserData):
        yield from ((("set", name), name) for name in step.set)


def _taken(name: str, campaign: Campaign, audience: pa.Schema) -> str | None:
    if name in audience.names:
        return "a column of the audience"
    if name in campaign.segments:
        return "a segment"
    return "what events are read by" if name == EVENT and _declared_properties(campaign) else None


def _declared_properties(campaign: Campaign) -> KeyPath:
    """The key that declares properties, if any does: then they are read as `event.NAME`."""
    if campaign.events:
        return ("events",)
    return ("trigger", "properties") if campaign.trigger is not None and campaign.trigger.properties else ()
