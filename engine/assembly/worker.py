"""The worker of a run, for any process: made from the run's job and its prepared templates, of which nothing is secret."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from engine.adapters.stores.ledger_archive import LedgerArchive
from engine.adapters.stores.plan_files import PlanFiles
from engine.adapters.stores.run_control import RunControl
from engine.adapters.stores.run_folder import RunFolder
from engine.adapters.stores.suppression_file import SuppressionFile
from engine.assembly.destinations import destination_table
from engine.assembly.doubts import doubt_rule, open_witness, unknown_policy
from engine.assembly.ledger import open_ledger
from engine.assembly.secret_references import resolve_secret
from engine.assembly.sending import Route, open_route, signer_of
from engine.assembly.settings import RunSettings
from engine.assembly.stores import open_caps, open_suppression
from engine.assembly.wall_clock import wall
from engine.cache.objects import ObjectCache
from engine.campaign.schema import UnknownPolicy
from engine.delivery.dispatch import never
from engine.delivery.doubts import Nobody
from engine.delivery.mime import MessageProgram, SenderIdentity
from engine.delivery.worker import Settings as DeliverySettings
from engine.pipeline.definition import TENANT, PlanDefinition
from engine.pipeline.gate import Gates
from engine.pipeline.materialise import Mailing
from engine.pipeline.pace import RunPace, destinations
from engine.pipeline.programs import Programs, compile_templates, program_bytes
from engine.pipeline.tracking import tracked
from engine.pipeline.worker import Deliverer, Planner, Worker
from engine.templates.catalogue import TemplateSet

Templates = Callable[[], Iterable[TemplateSet]]
PROGRAMS: Programs = ObjectCache(64 << 20, program_bytes)
"""The compiled templates of this process: whoever opens a campaign again, or one with the same templates, compiles nothing."""


@dataclass(frozen=True, slots=True)
class RunJob:
    """A run, as it travels to workers."""

    settings: RunSettings
    definition: PlanDefinition


def open_worker(
    job: RunJob, templates: Templates, halted: Callable[[], bool] = never, programs: Programs = PROGRAMS
) -> Worker:
    """The worker for this process; ``templates`` is asked only by whoever delivers, and ``halted`` before each message. Of workers with the
    same ``programs`` one delivers at a time."""
    return Worker(lambda: _planner(job), lambda stopped: _deliverer(job, templates(), stopped, programs), halted)


def mailing_of(
    definition: PlanDefinition, templates: Iterable[TemplateSet], origin: Path, programs: Programs = PROGRAMS
) -> Mailing:
    """The compiled templates, the MIME program and the keys that sign; ``origin`` is where their references begin."""
    campaign = definition.campaign
    secret = resolve_secret(campaign.delivery.secret, origin)
    unsubscribe, tracking = campaign.delivery.unsubscribe, campaign.delivery.tracking
    return Mailing(
        compile_templates(campaign, tracked(templates, tracking, secret), programs),
        MessageProgram(SenderIdentity.of(campaign, TENANT), secret=secret),
        secret,
        definition.now,
        None if unsubscribe is None else unsubscribe.url,
        signer_of(campaign.delivery, origin),
        None if tracking is None else tracking.url,
        campaign.delivery.return_path,
    )


def _planner(job: RunJob) -> Planner:
    # Here and not above: a process that only delivers has no need of the engines that evaluate conditions (60 MB).
    from engine.adapters.stores.audience_files import AudienceFiles
    from engine.pipeline.planner import PartitionPlanner

    folder, audience = RunFolder(job.settings.run_folder), job.definition.campaign.audience
    return PartitionPlanner(
        job.definition, AudienceFiles(folder.audience, key=audience.key, email=audience.email), PlanFiles(folder.path)
    )


def _deliverer(
    job: RunJob, templates: Iterable[TemplateSet], stopped: Callable[[], bool], programs: Programs
) -> Deliverer:
    campaign, folder = job.definition.campaign, RunFolder(job.settings.run_folder)
    delivery, control = campaign.delivery, RunControl(folder.path)
    caps, suppression = open_caps(job.settings.stores), open_suppression(job.settings.stores)
    opened = ExitStack()
    for each in (caps, suppression):
        opened.callback(each.close)
    route, policy = Route(job.settings.transport, job.settings.credentials), unknown_policy(campaign)
    return Deliverer(
        mailing_of(job.definition, templates, job.settings.origin, programs),
        PlanFiles(folder.path),
        open_ledger(folder),
        LedgerArchive(folder.ledger),
        open_route(route, delivery, job.settings.origin),
        DeliverySettings(
            owner=f"process {os.getpid()} on {socket.gethostname()}",
            connections=delivery.connections,
            on_unknown=policy,
            rule=doubt_rule(campaign),
            reply_timeout=delivery.reply_timeout,
            expires=delivery.expires,
        ),
        wall,
        lambda: stopped() or control.stopped(),
        RunPace(campaign, destination_table(), time.monotonic),
        Gates(
            campaign,
            str(folder.path),
            round(job.definition.now.timestamp() * 1_000_000),
            suppression,
            caps,
            caps,
            destinations(campaign, destination_table()),
            wall,
            SuppressionFile.of(folder.path),
        ).of,
        open_witness(job.settings.stores, route, delivery, job.settings.origin)
        if policy is UnknownPolicy.RECONCILE
        else Nobody(),
        opened.close,
    )
