"""A campaign against its audience: what templates may read, and which columns are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

from engine.campaign.schema import Campaign
from engine.conditions import columns_read, workflow_schema
from engine.errors import CampaignError, Diagnostic, did_you_mean
from engine.pipeline.materialise import UNSUBSCRIBE_URL
from engine.pipeline.programs import constants, environment_of
from engine.templates import Analysis, analyse
from engine.templates.catalogue import TemplateSet


def fields_read(campaign: Campaign, audience: pa.Schema, templates: Iterable[TemplateSet]) -> tuple[str, ...]:
    """The columns that the templates read, in the order of the schema.

    Raises CampaignError with each name in a template that is neither a column, a segment, a variable nor the engine's.
    """
    columns = workflow_schema(audience, campaign).names
    known = {*columns, *constants(campaign)}
    if campaign.delivery.unsubscribe is not None:
        known.add(UNSUBSCRIBE_URL)
    read: set[str] = set()
    faults: list[Diagnostic] = []
    for analysis in _analyses(templates):
        faults.extend(_unknown(analysis, known))
        read |= analysis.names
    if faults:
        raise CampaignError(*dict.fromkeys(faults))
    return tuple(name for name in columns if name in read)


def needed_columns(campaign: Campaign, audience: pa.Schema, fields: Sequence[str]) -> list[str]:
    """The columns of the audience that anything reads, in the order of its schema: all that is frozen."""
    roles = {campaign.audience.key, campaign.audience.email, campaign.audience.subscribed, campaign.audience.timezone}
    wanted = {*fields, *roles, *columns_read(campaign, audience)}
    return [name for name in audience.names if name in wanted]


def _analyses(templates: Iterable[TemplateSet]) -> Iterator[Analysis]:
    for each in templates:
        for part in each.parts.values():
            yield analyse(part.source, part.name, environment_of(each)(part.autoescape))


def _unknown(analysis: Analysis, known: Iterable[str]) -> Iterator[Diagnostic]:
    names: Mapping[str, None] = dict.fromkeys(known)
    for missing in analysis.unresolved:
        yield Diagnostic(
            "MR312",
            f"there is no template `{missing}`",
            help="includes and parents are named from the templates folder",
        )
    for variable in analysis.variables:
        if variable.name not in names:
            yield Diagnostic(
                "MR311",
                f"unknown variable `{variable.name}` in a template",
                variable.place,
                did_you_mean(variable.name, sorted(names)),
            )
