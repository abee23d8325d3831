"""An automation, put together: what its workers need in any process, and what its driver works with."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

import psutil

from engine.adapters.stores.owner_lock import OwnerLock
from engine.adapters.stores.run_folder import RunFolder
from engine.adapters.stores.suppression_file import SuppressionFile
from engine.adapters.webhook_calls import WebhookCalls
from engine.adapters.webhooks import WebhookCaller
from engine.assembly.cache import open_cache
from engine.assembly.campaign import OpenCampaign, open_campaign
from engine.assembly.live_run import LiveRun, live_path, open_live_run, open_outbox
from engine.assembly.queues import open_queue
from engine.assembly.run_workers import RunWorkers
from engine.assembly.secret_references import resolve_secret
from engine.assembly.sending import Route
from engine.assembly.settings import AppSettings, leaves_machine
from engine.assembly.steps import installed_steps
from engine.assembly.stores import open_executions, open_store, reached_by_all
from engine.assembly.wall_clock import wall
from engine.campaign.schema import Campaign
from engine.control import Decision
from engine.delivery.dispatch import never
from engine.errors import CampaignError, Diagnostic, RefusedError, UsageError
from engine.pipeline.automation.advancing import Advancer
from engine.pipeline.automation.applying import Applier
from engine.pipeline.automation.cache_figures import CacheReporter
from engine.pipeline.automation.calling import Caller
from engine.pipeline.automation.contract import LiveWorkflow, Worker
from engine.pipeline.automation.dates import Dates
from engine.pipeline.automation.deliveries import Deliveries
from engine.pipeline.automation.dispatch import Dispatcher
from engine.pipeline.automation.effects import EffectFeed
from engine.pipeline.automation.gathering import Gathering
from engine.pipeline.automation.intake import Hearing, Intake
from engine.pipeline.automation.moving import Mover
from engine.pipeline.automation.parts import Parts
from engine.pipeline.automation.people import StoredPeople
from engine.pipeline.automation.programs import Programs
from engine.pipeline.automation.sends import SendPlanner
from engine.pipeline.automation.sweeps import Sweeper
from engine.pipeline.automation.worker import TaskWorker
from engine.pipeline.records import MANIFEST
from engine.workflow.executions import EffectKind, Owner

DECISIONS = "automation-decisions.jsonl"
DELIVERIES_AT_A_TIME = 3
MOST_EFFECTS, MOST_CALLS = 65_536, 512
"""Effects that are in hand at a time. Calls wait for other people's servers, and must not take all of a worker's places."""


@dataclass(frozen=True, slots=True)
class AutomationJob:
    """An automation, as it travels to workers: nothing in it is secret, and no path depends on where it is read.

    ``origins`` are the workflows' folders, where their references to secrets begin, ``runs`` those of their messages.
    """

    settings: AppSettings
    workflows: Mapping[str, LiveWorkflow]
    origins: Mapping[str, Path]
    runs: Mapping[str, Path]
    reached_by_all: bool

    @property
    def name(self) -> str:
        return f"automation of {', '.join(self.workflows)}"

    def listed(self) -> dict[str, SuppressionFile]:
        """The addresses that the workflows' own files suppress."""
        found = {name: SuppressionFile.of(path) for name, path in self.runs.items()}
        return {name: each for name, each in found.items() if each is not None}


@dataclass(frozen=True, slots=True)
class OpenAutomation:
    """``parts`` are the driver's; ``workers`` is how many any of the workflows allows; ``runs`` are the folders of their messages."""

    job: AutomationJob
    parts: Parts
    workers: int
    runs: Mapping[str, str]
    decided: Callable[[Decision], None]


def open_automation_worker(
    job: AutomationJob, halted: Callable[[], bool] = never, owner: Owner | None = None
) -> Worker:
    """The worker for this process; ``halted`` is looked at before each message, and ``owner`` has the executions that it works on."""
    settings = job.settings
    with ExitStack() as stack:
        store = stack.enter_context(closing(open_store(settings.stores_at)))
        executions = stack.enter_context(closing(open_executions(settings.stores_at, owner)))
        cache = stack.enter_context(open_cache(settings.cache_at, store))
        calls = stack.enter_context(
            closing(WebhookCalls(WebhookCaller(partial(_secret, job.origins), settings.webhooks_allowed), wall))
        )
        runs = stack.enter_context(closing(RunWorkers(settings, halted)))
        people = StoredPeople(cache.users, job.workflows)
        programs = Programs(job.workflows.values(), executions, installed_steps())
        mover = Mover(programs, executions, people, time.perf_counter, _usage())
        caller = Caller(programs, executions, mover, calls, wall, time.perf_counter, time.sleep)
        return TaskWorker(
            Advancer(programs, executions, people, mover, wall, time.perf_counter).advance,
            Sweeper(programs, store, executions).sweep,
            Applier(executions, store, people, caller).apply,
            SendPlanner(job.workflows, people, wall, job.listed()).plan,
            runs,
            CacheReporter(cache.figures, lambda: cache.memory.held).news,
            stack.pop_all(),
        )
    raise AssertionError("a worker is given or something is raised")


@contextmanager
def open_automation(
    folders: Sequence[Path], settings: AppSettings, leaving: Callable[[Sequence[str]], object] = lambda _: None
) -> Iterator[OpenAutomation]:
    """The workflows of these folders, live. ``leaving`` is told those whose mail may leave this machine, before anything is made.

    Raises what is wrong with any of them (all together), and RefusedError (MR887) when there is an automation on these stores already.
    """
    settings = _anywhere(settings)
    campaigns = _opened(folders, settings)
    leaving([each.campaign.name for each in campaigns if leaves_machine(_route(each, settings).url)])
    with ExitStack() as stack:
        stack.enter_context(_alone(settings))
        runs = [open_live_run(each, settings) for each in campaigns]
        yield OpenAutomation(
            AutomationJob(
                settings,
                {run.live.name: run.live for run in runs},
                {run.live.name: each.loaded.folder.absolute() for run, each in zip(runs, campaigns, strict=True)},
                {run.live.name: run.folder.path for run in runs},
                all(reached_by_all(run.job.settings) for run in runs),
            ),
            _parts(runs, settings, stack),
            max(run.job.settings.delivery_workers for run in runs),
            {run.live.name: str(run.folder.path) for run in runs},
            lambda decision: _keep(settings.stores_folder / DECISIONS, decision),
        )


def _parts(runs: Sequence[LiveRun], settings: AppSettings, stack: ExitStack) -> Parts:
    outbox = stack.enter_context(closing(open_outbox(runs, settings, wall)))
    store = stack.enter_context(closing(open_store(settings.stores_at)))
    executions = stack.enter_context(closing(open_executions(settings.stores_at)))
    queue = stack.enter_context(closing(open_queue(settings)))
    live = {run.live.name: run.live for run in runs}
    for each in live.values():
        executions.define(each.name, each.definition.version, each.definition.text)
    campaigns = {name: each.plan.campaign for name, each in live.items()}
    priorities = {name: each.priority for name, each in campaigns.items()}
    intake = Intake(store, queue, executions, Hearing.of([*live.values()], executions))
    numbers, begun = count(1).__next__, wall()
    many = {run.folder.path for run in runs if run.job.settings.delivery_workers > 1}
    return Parts(
        executions=executions,
        intake=intake,
        dispatcher=Dispatcher(queue, executions, [*live.values()], intake.done, begun),
        dates=Dates(live, store, executions, numbers, begun),
        updates=EffectFeed(executions, priorities, (EffectKind.UPDATE, EffectKind.MEMBERSHIP), MOST_EFFECTS),
        calls=EffectFeed(executions, priorities, (EffectKind.CALL,), MOST_CALLS),
        sends=EffectFeed(executions, priorities, (EffectKind.SEND,), MOST_EFFECTS),
        gathering=Gathering(priorities, [name for name, each in campaigns.items() if each.limits.frequency]),
        outbox=outbox,
        deliveries=Deliveries(numbers, DELIVERIES_AT_A_TIME),
        paced=lambda path: path not in many,
        priorities=priorities,
        numbers=numbers,
        begun=begun,
        driver=uuid.uuid4().hex,
        wall=wall,
    )


def _opened(folders: Sequence[Path], settings: AppSettings) -> list[OpenCampaign]:
    now = datetime.now(UTC)
    campaigns: list[OpenCampaign] = []
    faults: list[Diagnostic] = []
    for folder in folders:
        try:
            opened = open_campaign(folder, now, stores=settings.stores_at)
            faults += _unfit(opened.campaign, folder)
            campaigns.append(opened)
        except CampaignError as fault:
            faults += fault.diagnostics
    names = [each.campaign.name for each in campaigns]
    for name in sorted({each for each in names if names.count(each) > 1}):
        raise UsageError.single("MR886", f"two of the folders hold the workflow `{name}`", help="name one of them")
    if faults:
        raise CampaignError(*faults)
    return campaigns


def _route(campaign: OpenCampaign, settings: AppSettings) -> Route:
    """The way that its mail will go."""
    folder = RunFolder(live_path(campaign, settings))
    if folder.has(MANIFEST):
        return Route.resumed(settings, folder.read_json(MANIFEST))
    return Route.of(settings, campaign.campaign.delivery)


def _unfit(campaign: Campaign, folder: Path) -> Iterator[Diagnostic]:
    """What keeps a campaign from being automated."""
    if campaign.trigger is None:
        help = "give it a `trigger`, or `mailray run` it for its whole audience"
        yield Diagnostic("MR888", f"nothing begins an execution of `{campaign.name}` ({folder})", help=help)
    if campaign.audience.source != "store:":
        help = 'write `source: "store:"`, and bring people in with `mailray ingest customers`'
        yield Diagnostic("MR889", f"the people of `{campaign.name}` ({folder}) are not those of the store", help=help)


@contextmanager
def _alone(settings: AppSettings) -> Iterator[None]:
    settings.stores_folder.mkdir(parents=True, exist_ok=True)
    lock = OwnerLock.take(settings.stores_folder / "automation.lock")
    if lock is None:
        raise RefusedError.single(
            "MR887",
            "an automation is at work on these stores already",
            help="one job runs all workflows: give it all their folders",
        )
    try:
        yield
    finally:
        lock.drop()


def _anywhere(settings: AppSettings) -> AppSettings:
    """Settings that mean the same in any folder."""
    return settings.model_copy(update={"runs": settings.runs.absolute(), "stores": settings.stores_folder})


def _keep(path: Path, decision: Decision) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(decision.as_dict()) + "\n")


def _secret(origins: Mapping[str, Path], workflow: str, reference: str) -> str:
    """What the credentials of a workflow's webhook stand for. Raises CampaignError (MR161)."""
    return resolve_secret(reference, origins[workflow]).decode()


def _usage() -> Callable[[], tuple[float, float]]:
    process = psutil.Process()
    process.cpu_percent()  # the first call only starts the measurement
    return lambda: (process.memory_info().rss / (1 << 20), process.cpu_percent())
