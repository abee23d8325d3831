"""A campaign's folder, opened and checked as a whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from engine.adapters.sources import Asked, QueryText, open_files, open_source
from engine.adapters.stores.template_files import TemplateFiles
from engine.assembly.clock_changes import skipped_times
from engine.assembly.reply_timeouts import short_reply_timeout
from engine.assembly.secret_references import resolve_secret
from engine.assembly.settings import AppSettings, StoresAt
from engine.assembly.stores import known_store
from engine.assembly.workflow_demands import check_demands
from engine.audience.columns import check_schema, plain_schema, plain_type
from engine.audience.source import Source
from engine.audience.store import USERS, Store
from engine.campaign.checks.audience import STORE, database_scheme
from engine.campaign.fingerprint import Fingerprint, fingerprint
from engine.campaign.load import TEMPLATES_FOLDER, LoadedCampaign, load_campaign
from engine.campaign.schema import Campaign
from engine.conditions import ConditionSet, Pushdown, arrow_type, check_campaign, columns_read
from engine.errors import CampaignError, Diagnostic, InputError, MailrayError, MissingInputError, did_you_mean
from engine.pipeline.compile import fields_read, needed_columns
from engine.pipeline.definition import PlanDefinition
from engine.pipeline.run import Selection
from engine.templates.catalogue import TemplateSet
from engine.workflow.people import own_columns

_NAIVE = "a condition reads `{}`, which is a time without a time zone"


@dataclass(frozen=True)
class OpenCampaign:
    """A campaign that has been checked as a whole: file, templates, audience's columns, conditions.

    ``warnings`` are what whoever wrote it should know, ``addresses`` those of the assets that they name, by path.
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

    @cached_property
    def pushdown(self) -> Pushdown[Any]:
        """The audience's condition in two: what the source does itself, and what is evaluated here."""
        where = self.campaign.audience.where
        if where is None:
            return Pushdown(None, None, None)
        return self.source.pushdown(where, self.definition.now, self.campaign.timezone)

    def selection(self) -> Selection:
        """What to read of the source."""
        definition, rest = self.definition, None
        if self.pushdown.rest is not None:
            conditions = {"where": self.pushdown.rest}
            rest = ConditionSet(conditions, definition.audience, definition.now, self.campaign.timezone)
        never = suppressed(self.campaign.audience.suppression, self.audience_folder)
        return Selection(self.source, self.pushdown.filter, rest, never)


def open_campaign(
    folder: Path,
    now: datetime,
    partition_rows: int | None = None,
    *,
    audience_folder: Path | None = None,
    frozen: Source | None = None,
    stores: StoresAt | None = None,
    webhooks_allowed: Collection[str] | None = None,
) -> OpenCampaign:
    """Load a campaign and check all of it; every fault that can be found in one look is in the error that is raised.

    ``audience_folder`` is where relative paths of the audience begin, if not in the campaign's folder. ``frozen`` is the audience that
    a run has read already, after which nobody asks the source again. ``stores`` is where the people are whom the source `store:` means;
    None: where the settings in force say. ``webhooks_allowed`` are the private addresses (host:port) that webhooks may call; None: that
    is no matter here.
    """
    loaded = load_campaign(folder)
    campaign = loaded.campaign
    if partition_rows is not None:
        capacity = campaign.capacity.model_copy(update={"partition_rows": partition_rows})
        campaign = campaign.model_copy(update={"capacity": capacity})
    source = frozen or _opened_source(loaded, audience_folder or folder, stores)
    _refuse_empty(source)
    check_schema(campaign.audience, source.schema, source.name)
    everything = plain_schema(source.schema, source.schema.names)
    files = template_files(loaded)
    catalogue = files.catalogue
    faults: list[MailrayError] = []
    fields: tuple[str, ...] = ()
    with _collected(faults):
        check_campaign(loaded, everything)
        _refuse_naive_instants(loaded, everything)
    with _collected(faults):
        check_demands(loaded, webhooks_allowed)
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
        (*skipped_times(loaded, now), *short_reply_timeout(loaded), *catalogue.diagnostics),
        files.assets.used if files.assets else {},
    )


def fingerprint_of(folder: Path) -> Fingerprint:
    """The fingerprint of a campaign as it stands, without a look at its audience. Raises what loading it raises."""
    loaded = load_campaign(folder)
    return fingerprint(loaded.campaign, {each.name: each.digest for each in template_files(loaded).catalogue.templates})


def _asked(loaded: LoadedCampaign, folder: Path, stores: StoresAt | None) -> Asked:
    audience = loaded.campaign.audience
    if audience.source == STORE:
        _refuse_own_columns(loaded)
        store = partial(_known_store, stores)
        return Asked(audience.source, folder, audience.key, types=audience_types(loaded), store=store)
    query = None
    if audience.query is not None:
        query = QueryText(audience.query, loaded.document.locate(("audience", "query")))
    password = None if audience.password is None else resolve_secret(audience.password, folder).decode()
    return Asked(audience.source, folder, audience.key, audience.format, query, password, audience_types(loaded))


def _known_store(stores: StoresAt | None) -> Store:
    """Opened when people are read; asked which columns they have, nobody looks for it."""
    store = known_store(stores or AppSettings.load().stores_at)
    if store is None:
        help = "bring people in first: `mailray ingest customers`"
        raise MissingInputError.single("MR390", "there is no store of people yet", help=help)
    return store


def _refuse_own_columns(loaded: LoadedCampaign) -> None:
    faults = [
        loaded.document.fault(
            "MR392",
            f"`{column}` is a column of the store and has its type",
            loaded.document.place_of_key(("audience", "types", column)),
            "types are of attributes; leave it out",
        )
        for column in loaded.campaign.audience.types
        if column in own_columns(USERS.names)
    ]
    if faults:
        raise CampaignError(*faults)


def audience_types(loaded: LoadedCampaign) -> dict[str, pa.DataType]:
    """The types that `audience.types` gives columns. Raises CampaignError (MR384)."""
    types: dict[str, pa.DataType] = {}
    faults: list[Diagnostic] = []
    for column, text in loaded.campaign.audience.types.items():
        try:
            types[column] = plain_type(arrow_type(text))
        except ValueError as fault:
            help = "name a SQL type, such as `DATE`, `TIMESTAMPTZ` or `STRUCT(sku VARCHAR, price DOUBLE)[]`"
            faults.append(loaded.document.fault("MR384", f"`{text}` is {fault}", ("audience", "types", column), help))
    if faults:
        raise CampaignError(*faults)
    return types


def _opened_source(loaded: LoadedCampaign, folder: Path, stores: StoresAt | None) -> Source:
    source = open_source(_asked(loaded, folder, stores))
    names = source.schema.names
    faults = [
        loaded.document.fault(
            "MR384",
            f"the query has no column `{column}`",
            loaded.document.place_of_key(("audience", "types", column)),
            did_you_mean(column, names),
        )
        for column in loaded.campaign.audience.types
        if column not in names
    ]
    if faults:
        raise CampaignError(*faults)
    return source


def _refuse_naive_instants(loaded: LoadedCampaign, schema: pa.Schema) -> None:
    """A database's time without a zone is no instant, and a condition would have to guess which one is meant."""
    audience = loaded.campaign.audience
    if audience.query is None and audience.source != STORE:
        return
    read = columns_read(loaded.campaign, schema)
    naive = [field.name for field in schema if field.type == pa.timestamp("us") and field.name in read]
    if not naive:
        return
    if audience.query is None:
        places = {name: loaded.document.place_of_key(("audience", "types", name)) for name in naive}
        help = "make it TIMESTAMPTZ, and write offsets"
        raise InputError(*(Diagnostic("MR376", _NAIVE.format(name), place, help) for name, place in places.items()))
    name, place = naive[0], loaded.document.locate(("audience", "query"))(0, 1)
    help = f"say in the query which instant it is: {name} AT TIME ZONE 'UTC' AS {name}"
    if database_scheme(audience.source) == "sqlite":
        help = f"declare it TIMESTAMPTZ and write offsets, or `{name} || 'Z' AS {name}` and CAST({name} AS TIMESTAMPTZ)"
    raise InputError(*(Diagnostic("MR376", _NAIVE.format(each), place, help) for each in naive))


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
