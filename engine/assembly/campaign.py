"""A campaign's folder, opened and checked as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from engine.adapters.sources import open_files
from engine.adapters.stores.template_files import TemplateFiles
from engine.audience.columns import check_schema, plain_schema
from engine.audience.source import Source
from engine.campaign.fingerprint import Fingerprint, fingerprint
from engine.campaign.load import TEMPLATES_FOLDER, LoadedCampaign, load_campaign
from engine.campaign.schema import Campaign
from engine.conditions import ConditionSet, check_campaign, split
from engine.errors import Diagnostic, InputError, MailrayError, MissingInputError
from engine.pipeline.compile import fields_read, needed_columns
from engine.pipeline.definition import PlanDefinition
from engine.pipeline.run import Selection
from engine.templates.catalogue import TemplateSet


@dataclass(frozen=True)
class OpenCampaign:
    """A campaign that has been checked as a whole: file, templates, audience's columns, conditions.

    ``warnings`` are what whoever wrote the templates should know, ``addresses`` those of the assets that they name, by path.
    """

    loaded: LoadedCampaign
    templates: tuple[TemplateSet, ...]
    source: Source
    definition: PlanDefinition
    audience_folder: Path
    warnings: tuple[Diagnostic, ...]
    addresses: Mapping[str, str]

    @property
    def campaign(self) -> Campaign:
        return self.definition.campaign

    @property
    def fingerprint(self) -> Fingerprint:
        return fingerprint(self.campaign, {each.name: each.digest for each in self.templates})

    @property
    def asset_files(self) -> list[str]:
        """The assets that the templates name, by path from the campaign's folder."""
        assets = self.campaign.assets
        return [] if assets is None else [f"{assets.folder}/{path}" for path in self.addresses]

    def selection(self) -> Selection:
        """What to read of the source."""
        audience, definition = self.campaign.audience, self.definition
        never = suppressed(audience.suppression, self.audience_folder)
        if audience.where is None:
            return Selection(self.source, None, None, never)
        pushed, rest = split(audience.where, self.source.schema), None
        if pushed.rest is not None:
            rest = ConditionSet({"where": pushed.rest}, definition.audience, definition.now, self.campaign.timezone)
        return Selection(self.source, pushed.filter, rest, never)


def open_campaign(
    folder: Path, now: datetime, partition_rows: int | None = None, *, audience_folder: Path | None = None
) -> OpenCampaign:
    """Load a campaign and check all of it; every fault that can be found in one look is in the error that is raised.

    ``audience_folder`` is where relative paths of the audience begin, if not in the campaign's folder.
    """
    loaded = load_campaign(folder)
    campaign = loaded.campaign
    if partition_rows is not None:
        capacity = campaign.capacity.model_copy(update={"partition_rows": partition_rows})
        campaign = campaign.model_copy(update={"capacity": capacity})
    source = open_files(campaign.audience.source, audience_folder or folder, campaign.audience.format)
    _refuse_empty(source)
    check_schema(campaign.audience, source.schema, source.name)
    everything = plain_schema(source.schema, source.schema.names)
    files = template_files(loaded)
    catalogue = files.catalogue
    faults: list[MailrayError] = []
    fields: tuple[str, ...] = ()
    with _collected(faults):
        check_campaign(loaded, everything)
    with _collected(faults):
        fields = fields_read(campaign, everything, catalogue.templates)
    if faults:
        raise type(faults[0])(*(each for fault in faults for each in fault.diagnostics))
    audience = plain_schema(source.schema, needed_columns(campaign, everything, fields))
    definition = PlanDefinition(campaign, audience, fields, now)
    return OpenCampaign(
        loaded,
        catalogue.templates,
        source,
        definition,
        audience_folder or folder,
        catalogue.diagnostics,
        files.assets.used if files.assets else {},
    )


def template_files(loaded: LoadedCampaign) -> TemplateFiles:
    """The campaign's templates and assets, not read yet."""
    assets = loaded.campaign.assets
    return TemplateFiles(
        loaded.folder / TEMPLATES_FOLDER,
        list(loaded.templates),
        assets=None if assets is None else loaded.folder / assets.folder,
        prefix=None if assets is None else assets.prefix,
    )


def _refuse_empty(source: Source) -> None:
    """A file without rows has columns without a type; looked for first, so that it is not told as wrong types."""
    if any(pa.types.is_null(field.type) for field in source.schema) and source.count() == 0:
        raise MissingInputError.single("MR357", f"{source.name} has no rows", help="is it the right file?")


def suppressed(suppression: str | list[str] | None, folder: Path) -> Iterator[pa.StringArray]:
    """The addresses of the suppression files: their column `email`, or their only column."""
    if suppression is None:
        return
    source = open_files(suppression, folder)
    names = source.schema.names
    column = "email" if "email" in names else names[0]
    if column != "email" and len(names) > 1:
        raise InputError.single(
            "MR366", f"{source.name} has no column `email`", help=f"its columns are {', '.join(names[:8])}"
        )
    for batch in source.batches([column]):
        yield batch.column(column).cast(pa.string())


@contextmanager
def _collected(faults: list[MailrayError]) -> Iterator[None]:
    try:
        yield
    except MailrayError as fault:
        faults.append(fault)
