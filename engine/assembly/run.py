"""A run's folder and all that works on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from engine.adapters.sources import open_files
from engine.adapters.stores.audience_files import AudienceFiles
from engine.adapters.stores.ledger_archive import LedgerArchive
from engine.adapters.stores.plan_files import PlanFiles
from engine.adapters.stores.run_control import RunControl
from engine.adapters.stores.run_folder import RunFolder
from engine.assembly.campaign import OpenCampaign, fingerprint_of, open_campaign
from engine.assembly.destinations import destination_table
from engine.assembly.ledger import ledger_record, open_ledger
from engine.assembly.secret_references import resolve_secret
from engine.assembly.sending import Route, open_route, signer_of
from engine.assembly.settings import AppSettings, RunSettings, StoresAt
from engine.assembly.status import accounted, planned
from engine.assembly.stores import suppressed_addresses
from engine.assembly.templates import CampaignTemplates
from engine.assembly.worker import RunJob, mailing_of, open_worker
from engine.audience.partitions import partitions
from engine.audience.suppression import GLOBAL
from engine.campaign.fingerprint import differences
from engine.campaign.schema import Campaign
from engine.errors import RefusedError
from engine.ledger.contract import Ledger
from engine.monitoring import Stages
from engine.pipeline.materialise import Mailing
from engine.pipeline.pace import destinations
from engine.pipeline.plan import refuse_automation
from engine.pipeline.records import LIVE, MANIFEST
from engine.pipeline.run import CampaignRun, Observer, Selection
from engine.pipeline.worker import Worker


class OpenRun:
    """A run's folder and all that works on it."""

    def __init__(self, settings: RunSettings, campaign: OpenCampaign) -> None:
        self.settings = settings
        self.campaign = campaign
        self.folder = RunFolder(settings.run_folder)
        self.control = RunControl(settings.run_folder)

    def campaign_run(self, stages: Stages, observer: Observer) -> CampaignRun:
        definition = self.campaign.definition
        plans, archive = PlanFiles(self.folder.path), LedgerArchive(self.folder.ledger)
        return CampaignRun(
            definition,
            self.folder,
            self._audience(),
            plans,
            stages,
            observer,
            self.control.check,
            lambda number: archive.entries(number) is not None,
        )

    def selection(self) -> Selection:
        """What to read of the source, and who is not to be mailed: by the campaign's files and by the store, as it is now."""
        selection = self.campaign.selection()
        stored = suppressed_addresses(self.settings.stores, self.campaign.campaign.audience.list_ or GLOBAL)
        return replace(selection, suppressed=chain(selection.suppressed, stored))

    @property
    def job(self) -> RunJob:
        """The run as workers know it."""
        return RunJob(self.settings, self.campaign.definition)

    def worker(self) -> Worker:
        """The worker for this process."""
        return open_worker(self.job, lambda: self.campaign.templates)

    def outcomes(self) -> dict[str, int]:
        """The planned messages by outcome, as the ledger has them."""
        plan = self.planned()
        return accounted(plan, self.ledger().counts()) if plan else {}

    def planned(self) -> dict[str, Any] | None:
        """The plan in numbers; None as long as there is none."""
        return planned(self.folder, self.folder.read_json(MANIFEST))

    @property
    def live(self) -> bool:
        """Whether people enter its workflow one by one, and partitions come for as long as the job runs."""
        return LIVE in self.folder.read_json(MANIFEST)

    def partitions(self) -> Sequence[int]:
        """The numbers of the run's partitions; of a live run those that are there, the newest first."""
        if self.live:
            return PlanFiles(self.folder.path).partitions()[::-1]
        rows = self.folder.read_json(MANIFEST)["audience"]["rows"]
        return range(len(partitions(rows, self.campaign.campaign.capacity.partition_rows)))

    def ledger(self) -> Ledger:
        return open_ledger(self.folder)

    def mailing(self) -> Mailing:
        return mailing_of(self.campaign.definition, self.campaign.templates, self.settings.origin)

    def _audience(self) -> AudienceFiles:
        audience = self.campaign.campaign.audience
        return AudienceFiles(self.folder.audience, key=audience.key, email=audience.email)


def create_run(campaign: OpenCampaign, path: Path, settings: AppSettings, limit: int | None = None) -> OpenRun:
    """Make the run's folder with its manifest. Raises CannotCreateError when there is a run already, UsageError for a wrong transport,
    CampaignError for a campaign that no run can do."""
    refuse_automation(campaign.campaign)
    return make_run(campaign, path, settings, limit if limit is not None else campaign.campaign.limits.recipients)


def make_run(
    campaign: OpenCampaign, path: Path, settings: AppSettings, limit: int | None, about: Mapping[str, Any] | None = None
) -> OpenRun:
    """The same for any campaign. At most ``limit`` messages are sent, and the manifest says ``about`` too."""
    delivery = campaign.campaign.delivery
    route = Route.of(settings, delivery)
    run = RunSettings(
        run_folder=path.absolute(),
        origin=campaign.loaded.folder.absolute(),
        transport=route.url,
        credentials=route.credentials,
        now=campaign.definition.now,
        limit=limit,
        delivery_workers=_workers(campaign.campaign),
        stores=settings.stores_at,
    )
    opened = OpenRun(run, campaign)
    open_route(route, delivery, run.origin)
    signer_of(delivery, run.origin)
    resolve_secret(delivery.secret, run.origin)
    destinations(campaign.campaign, destination_table())
    versions = CampaignTemplates(campaign.loaded.folder).published(each.name for each in campaign.templates)
    ledger = ledger_record(settings, run.origin)
    opened.folder.create()
    opened.folder.pin_campaign(campaign.loaded.folder, campaign.asset_files)
    record = {"format": 1, "run": opened.folder.name, "ledger": ledger, **_record(run, campaign), **(about or {})}
    templates = {each.name: {"digest": each.digest, "version": versions.get(each.name)} for each in campaign.templates}
    opened.folder.write_json(MANIFEST, {**record, "templates": templates})
    return opened


def _record(run: RunSettings, campaign: OpenCampaign) -> dict[str, Any]:
    """What a run is bound to, for its manifest."""
    parts = campaign.fingerprint
    return {
        "campaign": campaign.campaign.name,
        "origin": str(run.origin),
        "transport": _without_credentials(run.transport),
        "credentials": run.credentials,
        "now": run.now.isoformat(),
        "limit": run.limit,
        "stores": run.stores.as_record(),
        "partition_rows": campaign.campaign.capacity.partition_rows,
        "fields": list(campaign.definition.fields),
        "assets": dict(campaign.addresses),
        "fingerprint": parts.digest,
        "parts": dict(parts.parts),
    }


def reopen_run(path: Path, settings: AppSettings, *, check_origin: bool = True) -> OpenRun:
    """A run that was begun earlier, with the campaign as it was then; ``check_origin`` is for whoever goes on sending.

    Raises MissingInputError when this is no run, RefusedError when the campaign's folder has changed since.
    """
    folder = RunFolder(path.absolute())
    record = folder.read_json(MANIFEST)
    origin = Path(record["origin"])
    now = datetime.fromisoformat(record["now"])
    if check_origin and LIVE not in record:
        _refuse_changed(origin, record)
    frozen = open_files("part-*.parquet", folder.audience) if "audience" in record else None
    campaign = open_campaign(folder.campaign, now, record["partition_rows"], audience_folder=origin, frozen=frozen)
    route = Route.resumed(settings, record)
    run = RunSettings(
        run_folder=folder.path,
        origin=origin,
        transport=route.url,
        credentials=route.credentials,
        now=now,
        limit=record["limit"],
        delivery_workers=_workers(campaign.campaign),
        stores=_stores(settings, record),
    )
    return OpenRun(run, campaign)


def _refuse_changed(origin: Path, record: Mapping[str, Any]) -> None:
    if not (origin / "campaign.yaml").exists():
        return  # the run has its own copy
    changed = differences(record["parts"], fingerprint_of(origin).parts)
    if changed:
        raise RefusedError.single(
            "MR507",
            f"the campaign has changed since the run began: {', '.join(str(each) for each in changed[:5])}",
            help="put it back, or start a new run; part of the mail has been planned from the old one",
        )


def _stores(settings: AppSettings, record: Mapping[str, Any]) -> StoresAt:
    """Those that the run began with, unless the settings name others."""
    return settings.stores_at if settings.stores or settings.store else StoresAt.of_record(record["stores"])


def paced(campaign: Campaign) -> bool:
    """Whether one worker must deliver all: several would have to share the tokens of a rate."""
    limits = campaign.limits
    return bool(limits.messages_per_second or limits.sender_per_second or limits.destinations)


def _workers(campaign: Campaign) -> int:
    return 1 if paced(campaign) else campaign.capacity.delivery_workers


def _without_credentials(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if rest else url
