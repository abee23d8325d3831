"""A simulation, from folders and files to figures and messages."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.adapters.connectors import FileConnector
from engine.adapters.sources import open_files
from engine.adapters.sources.customer_files import CustomerFiles
from engine.adapters.stores.audience_files import AudienceFiles
from engine.assembly.campaign import OpenCampaign, audience_types, open_campaign
from engine.assembly.settings import AppSettings, StoresAt
from engine.assembly.simulation_events import EventFile, KnownEvents, Progress
from engine.assembly.simulation_workers import SimulationWork, simulated
from engine.assembly.stores import suppressed_addresses
from engine.audience.incoming import USER, Reading
from engine.audience.partitions import in_blocks
from engine.audience.source import Source
from engine.audience.suppression import GLOBAL
from engine.campaign.checks.audience import STORE
from engine.campaign.load import load_campaign
from engine.errors import CannotCreateError, Diagnostic, MissingInputError, UsageError
from engine.pipeline.compile import needed_columns
from engine.pipeline.run import Selection
from engine.pipeline.simulation.contract import (
    DAY,
    DUPLICATE,
    EVENTS,
    SUPPRESSED,
    SimulatedWorkflow,
    SimulationPlan,
)
from engine.pipeline.simulation.figures import Figures
from engine.pipeline.simulation.load import CAPACITY
from engine.pipeline.simulation.outcome import MESSAGES
from engine.pipeline.simulation.program import trigger_event
from engine.pipeline.simulation.summary import summary_of

PEOPLE, EVENTS_EACH = 131_072, 524_288
"""The most of a partition, on the average: what a process holds at once."""
MOST_PARTITIONS = 512  # files that are open at a time
RESULT, MESSAGES_FILE = "simulation.json", "messages.parquet"


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be simulated. ``stores`` say who is suppressed now. ``start`` None: the first event's day, or the present; ``out``
    None: `simulations/NAME-INSTANT`."""

    folders: Sequence[Path]
    days: int
    stores: StoresAt
    events: Sequence[str] = ()
    people: str | None = None
    start: datetime | None = None
    out: Path | None = None
    capacity: int = CAPACITY
    workers: int = 1
    partitions: int | None = None


@dataclass(frozen=True, slots=True)
class SimulationFolder:
    """Where a simulation leaves what it found."""

    path: Path

    def create(self) -> None:
        """Raises CannotCreateError (MR879)."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if any(self.path.iterdir()):
                raise CannotCreateError.single("MR879", f"{self.path} is not empty", help="name another --out")
            self.work.mkdir()
        except OSError as fault:
            raise CannotCreateError.single(
                "MR879", f"{self.path} cannot be made: {fault.strerror}", help="name another --out"
            ) from fault

    @property
    def work(self) -> Path:
        return self.path / "work"

    @property
    def page(self) -> Path:
        return self.path / "simulation.html"


def open_workflows(settings: AppSettings, request: Request, now: datetime) -> list[OpenCampaign]:
    """The campaigns, each checked as a whole, and against one another.

    Raises what opening them raises, UsageError (MR875, MR877, MR878).
    """
    opened = [_opened(settings, folder, request.people, now) for folder in request.folders]
    campaigns = [each.campaign for each in opened]
    names = [each.name for each in campaigns]
    faults = [
        Diagnostic("MR875", f"two of the folders have a workflow `{name}`", help="name each workflow once")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    faults += [
        Diagnostic(
            "MR878",
            f"`{each.name}` is entered only after `{other}`, which is not simulated",
            help="name its folder too",
        )
        for each in campaigns
        for other in each.only_after
        if other not in names
    ]
    if not request.events and all(trigger_event(each) is not None for each in campaigns):
        faults.append(
            Diagnostic(
                "MR877", "all of these workflows begin with events, and there are none", help="name them: --events FILE"
            )
        )
    if faults:
        raise UsageError(*faults)
    return opened


def simulate(
    opened: Sequence[OpenCampaign], request: Request, folder: SimulationFolder, progress: Progress
) -> dict[str, Any]:
    """Simulate, leave ``simulation.json`` and ``messages.parquet`` in the folder, and give what stands in the first."""
    try:
        summary = _simulate(opened, request, folder, progress)
    finally:
        shutil.rmtree(folder.work, ignore_errors=True)
    (folder.path / RESULT).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    return summary


def _simulate(
    opened: Sequence[OpenCampaign], request: Request, folder: SimulationFolder, progress: Progress
) -> dict[str, Any]:
    began = time.monotonic()
    events = EventFile(folder.work / "events.arrow", KnownEvents([each.campaign for each in opened]))
    events.read(request.events, progress)
    start = _start(request, events)
    opened = [replace(each, definition=replace(each.definition, now=start)) for each in opened]
    plan = _plan(opened, start, request.days)
    work = _divided(opened, plan, events, request, folder, progress)
    figures = Figures.blank(plan)
    with (
        pq.ParquetWriter(folder.work / MESSAGES_FILE, MESSAGES, compression="zstd") as writer,
        closing(simulated(work, request.workers, progress)) as results,
    ):
        for number, each in results:
            figures.add(each)
            writer.write_table(work.files.read("messages", number))
    (folder.work / MESSAGES_FILE).replace(folder.path / MESSAGES_FILE)
    told = events.told(figures.strangers, figures.repeated, figures.events)
    head = {"simulation": str(folder.path), "messages_file": str(folder.path / MESSAGES_FILE), "events": told}
    seconds = time.monotonic() - began
    speed = round(figures.people * plan.days / seconds)
    return {
        **head,
        **summary_of(plan, figures, request.capacity),
        "seconds": round(seconds, 3),
        "users_days_a_second": speed,
    }


def _divided(
    opened: Sequence[OpenCampaign],
    plan: SimulationPlan,
    events: EventFile,
    request: Request,
    folder: SimulationFolder,
    progress: Progress,
) -> SimulationWork:
    """People and events, by person in partitions."""
    audiences = [
        _frozen(each, workflow, folder.work / f"audience-{number}", request.stores, progress)
        for number, (each, workflow) in enumerate(zip(opened, plan.workflows, strict=True))
    ]
    most = max(rows for _, rows in audiences)
    count = request.partitions or min(max(-(-most // PEOPLE), -(-events.kept // EVENTS_EACH), 1), MOST_PARTITIONS)
    work = SimulationWork(plan, folder.work / "partitions", count)
    for number, ((files, rows), workflow) in enumerate(zip(audiences, plan.workflows, strict=True)):
        key = workflow.campaign.audience.key
        work.files.divide(f"people-{number}", _marked(files, rows, workflow.people), workflow.people, key)
    work.files.divide("events", events.batches(plan.start, plan.end), EVENTS, "user_id")
    return work


def _opened(settings: AppSettings, folder: Path, people: str | None, now: datetime) -> OpenCampaign:
    frozen = None if people is None else _people(folder, people)
    return open_campaign(folder, now, frozen=frozen, stores=settings.stores_at)


def _people(folder: Path, people: str) -> Source:
    """The audience that takes the place of the campaign's own: where that is the store, customers as they are taken into it."""
    loaded = load_campaign(folder)
    if loaded.campaign.audience.source == STORE:
        return CustomerFiles(FileConnector([people], Reading(USER)), audience_types(loaded))
    return open_files(people, Path.cwd())


def _start(request: Request, events: EventFile) -> datetime:
    if request.start is not None:
        return request.start
    if events.first is None:
        return datetime.now(UTC).replace(microsecond=0)
    return datetime.fromtimestamp(events.first // DAY * DAY // 1_000_000, UTC)


def _plan(opened: Sequence[OpenCampaign], start: datetime, days: int) -> SimulationPlan:
    workflows = []
    for each in opened:
        audience, campaign = each.definition.audience, each.campaign
        wanted = needed_columns(campaign, audience, ())
        workflows.append(SimulatedWorkflow(campaign, pa.schema([audience.field(name) for name in wanted])))
    zones = {each.campaign.timezone for each in workflows}
    begin = round(start.timestamp() * 1_000_000)
    return SimulationPlan(tuple(workflows), begin, begin + days * DAY, zones.pop() if len(zones) == 1 else "UTC")


def _frozen(
    opened: OpenCampaign, workflow: SimulatedWorkflow, folder: Path, stores: StoresAt, progress: Progress
) -> tuple[AudienceFiles, int]:
    """The audience on this machine's disk, with duplicates marked, and whom its files or the store suppress now. Raises
    MissingInputError when it is empty."""
    audience, source = workflow.campaign.audience, opened.source
    never = chain(opened.selection().suppressed, suppressed_addresses(stores, audience.list_ or GLOBAL))
    selection = Selection(source, None, None, never)  # `where` is asked of whoever enters
    files = AudienceFiles(folder, key=audience.key, email=audience.email)
    with source.snapshot():
        batches = _watched(selection.batches(workflow.audience, audience.key), workflow.campaign.name, progress)
        rows, _ = files.freeze(in_blocks(batches, workflow.audience), workflow.audience, selection.suppressed)
    if rows == 0:
        raise MissingInputError.single("MR357", f"there is nobody in {source.name}", help="is it the right file?")
    return files, rows


def _watched(batches: Iterator[pa.RecordBatch], name: str, progress: Progress) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        progress(f"reading the people of {name}", rows, None)
        yield batch


def _marked(files: AudienceFiles, rows: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for _, block, marks in files.blocks(0, rows):
        columns = [*block.columns, pa.array(marks.duplicate), pa.array(marks.suppressed)]
        assert schema.names[-2:] == [DUPLICATE, SUPPRESSED]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
