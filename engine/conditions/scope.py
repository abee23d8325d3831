"""Which columns each condition of a campaign may read, and all of them checked in one look."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from engine.campaign.document import Document, KeyPath
from engine.campaign.load import LoadedCampaign
from engine.campaign.schema import Campaign
from engine.campaign.steps import ConditionalBranch, SegmentUser
from engine.conditions.check import Checker
from engine.errors import CampaignError, Diagnostic


def workflow_schema(audience: pa.Schema, campaign: Campaign) -> pa.Schema:
    """What the workflow's conditions read: the audience's columns, a boolean a segment, a string a written column."""
    segments = [pa.field(name, pa.bool_()) for name in campaign.segments]
    written = dict.fromkeys(step.into for step in campaign.workflow if isinstance(step, SegmentUser))
    return pa.schema([*audience, *segments, *(pa.field(name, pa.string()) for name in written)])


def check_campaign(loaded: LoadedCampaign, audience: pa.Schema) -> None:
    """Check every condition of a campaign against the columns of its audience.

    Raises:
        CampaignError: with every fault in every condition, at its place in the campaign file.
    """
    campaign, document = loaded.campaign, loaded.document
    faults = list(_name_clashes(campaign, document, audience))
    if not faults:
        faults.extend(_faults(_audience_conditions(campaign), audience, loaded))
        faults.extend(_faults(_workflow_conditions(campaign), workflow_schema(audience, campaign), loaded))
    if faults:
        raise CampaignError(*faults)


def _audience_conditions(campaign: Campaign) -> Iterator[tuple[KeyPath, str]]:
    if campaign.audience.where is not None:
        yield ("audience", "where"), campaign.audience.where
    for name, condition in campaign.segments.items():
        yield ("segments", name), condition


def _workflow_conditions(campaign: Campaign) -> Iterator[tuple[KeyPath, str]]:
    for number, step in enumerate(campaign.workflow):
        if isinstance(step, ConditionalBranch):
            for index, branch in enumerate(step.branches):
                yield ("workflow", number, "branches", index, "when"), branch.when
        elif isinstance(step, SegmentUser):
            for index, choice in enumerate(step.choices):
                yield ("workflow", number, "choices", index, "when"), choice.when


def _faults(
    conditions: Iterator[tuple[KeyPath, str]], schema: pa.Schema, loaded: LoadedCampaign
) -> Iterator[Diagnostic]:
    checker = Checker(schema, loaded.campaign.timezone)
    for path, text in conditions:
        try:
            checker.check(text, loaded.document.locate(path))
        except CampaignError as error:
            yield from error.diagnostics


def _name_clashes(campaign: Campaign, document: Document, audience: pa.Schema) -> Iterator[Diagnostic]:
    for name in campaign.segments:
        if name in audience.names:
            place = document.place_of_key(("segments", name))
            help = "conditions read segments by name: choose another"
            yield document.fault("MR207", f"the segment `{name}` has the name of a column", place, help)
    for number, step in enumerate(campaign.workflow):
        if isinstance(step, SegmentUser) and (step.into in audience.names or step.into in campaign.segments):
            what = "a column of the audience" if step.into in audience.names else "a segment"
            path = ("workflow", number, "into")
            yield document.fault("MR207", f"`{step.into}` is {what} already", path, "write into another column")


def columns_read(campaign: Campaign, audience: pa.Schema) -> set[str]:
    """The columns of the audience that any condition of the campaign reads. The conditions have been checked."""
    columns = workflow_schema(audience, campaign)
    checker = Checker(columns, campaign.timezone)
    texts = [text for _, text in (*_audience_conditions(campaign), *_workflow_conditions(campaign))]
    read = {column for text in texts for column in checker.check(text).columns}
    return read & set(audience.names)
