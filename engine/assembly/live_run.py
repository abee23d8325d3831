"""The runs of live workflows: a folder for each fingerprint, to which partitions are added, and from which any process delivers."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from engine.adapters.stores.ledger_archive import LedgerArchive
from engine.adapters.stores.owner_lock import OwnerLock
from engine.adapters.stores.packing import Packing
from engine.adapters.stores.plan_files import PlanFiles
from engine.adapters.stores.run_control import Order, RunControl
from engine.adapters.stores.run_folder import RunFolder
from engine.adapters.stores.suppression_file import SuppressionFile, sorted_addresses
from engine.assembly.campaign import OpenCampaign, suppressed
from engine.assembly.control import cancel_left
from engine.assembly.doubts import unknown_policy
from engine.assembly.ledger import ledger_in_database
from engine.assembly.run import make_run, reopen_run
from engine.assembly.settings import AppSettings
from engine.assembly.status import total
from engine.assembly.worker import RunJob
from engine.audience.columns import plain_schema
from engine.campaign.load import load_campaign
from engine.campaign.schema import Campaign, UnknownPolicy
from engine.errors import RefusedError, TryAgainError
from engine.ledger.states import State
from engine.pipeline.automation.contract import LiveWorkflow
from engine.pipeline.automation.outbox import Outbox
from engine.pipeline.records import LIVE, MANIFEST
from engine.pipeline.work import DeliveryWork
from engine.workflow.definition import definition_of

_DIGITS = 8
_WRITER = "writer.lock"


class LiveFolder:
    """One of them; an ``OutboxFolder``."""

    def __init__(self, folder: RunFolder, campaign: Campaign) -> None:
        self._folder = folder
        self._campaign = campaign
        self._plans = PlanFiles(folder.path)
        self._archive = LedgerArchive(folder.ledger)
        self._control = RunControl(folder.path)
        self._held: ExitStack | None = None
        self._writing: OwnerLock | None = None
        self._tidying: threading.Thread | None = None

    @property
    def path(self) -> Path:
        return self._folder.path

    @property
    def record(self) -> RunFolder:
        return self._folder

    @property
    def workflow(self) -> str:
        return self._campaign.name

    @property
    def ordered(self) -> bool:
        return self._control.order() is not None

    def claim(self) -> Self:
        """Become the only one who adds partitions, until the end of this process. Raises RefusedError (MR866)."""
        self._writing = OwnerLock.take(self.path / _WRITER)
        if self._writing is None:
            raise RefusedError.single(
                "MR866",
                f"another automation sends the messages of the workflow `{self.workflow}`",
                help="a workflow is in one automation at a time; end the other, or give this one another `runs` folder",
            )
        return self

    def partitions(self) -> Sequence[int]:
        return self._plans.partitions()

    def result(self, number: int) -> Mapping[str, Any] | None:
        return self._plans.result(number)

    def commit(self, number: int, verdicts: pa.RecordBatch, outbox: pa.RecordBatch, result: Mapping[str, Any]) -> None:
        """Raises TryAgainError (MR865) when it cannot be written."""
        try:
            self._plans.commit(number, verdicts, outbox, result)
        except OSError as fault:
            raise TryAgainError.single(
                "MR865",
                f"messages cannot be written to {self.path}: {fault.strerror or fault}",
                help="make room; nothing was sent, and nothing is lost",
            ) from fault

    def left(self) -> Sequence[DeliveryWork]:
        closed = self._archive.partitions()
        numbers = self._plans.open(closed)
        if unknown_policy(self._campaign) is UnknownPolicy.RECONCILE:
            numbers += [each for each in sorted(closed) if self._archive.has(each, State.UNKNOWN)]
        messages = {each: self._messages(each) for each in numbers}
        return [DeliveryWork(number, count) for number, count in messages.items() if count]

    def take(self) -> bool:
        held = ExitStack()
        try:
            held.enter_context(self._folder.locked())
        except RefusedError:
            return False
        self._held = held
        return True

    def let_go(self) -> None:
        held, self._held = self._held, None
        if self._tidying is not None:
            self._tidying.join()
            self._tidying = None
        if held is not None:
            held.close()

    def close(self) -> None:
        self.let_go()
        if self._writing is not None:
            self._writing.drop()
            self._writing = None

    def cancel_left(self) -> None:
        if self._control.order() is Order.CANCEL:
            cancel_left(self._folder)

    def tidy(self, before: int) -> None:
        if self._tidying is None or not self._tidying.is_alive():
            self._tidying = threading.Thread(target=self._pack, args=(before,), name="tidy", daemon=True)
            self._tidying.start()

    def _pack(self, before: int) -> None:
        """Pack after pack until the folder is let go. What the disk does not allow is for the next time; whoever writes messages tells."""
        packing = Packing(self.path, self._folder.ledger, total, files=not ledger_in_database(self._folder))
        with suppress(OSError):
            while self._held is not None and packing.pack(before):
                pass

    def _messages(self, number: int) -> int:
        result = self._plans.result(number)
        return 0 if result is None else int(result["counts"]["messages"])


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A workflow as it is now: for workers that plan, as workers know its run, and its folder, which only this process adds to."""

    live: LiveWorkflow
    job: RunJob
    folder: LiveFolder


def live_path(campaign: OpenCampaign, settings: AppSettings) -> Path:
    """The folder of its messages, whether it is there or not."""
    return settings.runs.absolute() / f"{campaign.campaign.name}-{LIVE}-{campaign.fingerprint.digest[:_DIGITS]}"


def open_live_run(campaign: OpenCampaign, settings: AppSettings) -> LiveRun:
    """The run of a live workflow, made if there is none with this fingerprint: ``runs/WORKFLOW-live-DIGEST8``.

    Its suppression files are read now, and kept in the folder for whoever plans and delivers. Raises what reading them and
    ``create_run`` raises, and RefusedError when another automation has it (MR866) or the folder is another's (MR867).
    """
    never = campaign.campaign.audience.suppression
    listed = None if never is None else sorted_addresses(suppressed(never, campaign.audience_folder))
    path, digest = live_path(campaign, settings), campaign.fingerprint.digest
    folder = RunFolder(path)
    if not folder.has(MANIFEST):
        shutil.rmtree(path, ignore_errors=True)  # whoever made it was killed before there was anything in it to lose
        make_run(campaign, path, settings, None, {LIVE: True})
    record = folder.read_json(MANIFEST)
    if record["fingerprint"] != digest or LIVE not in record:
        raise RefusedError.single("MR867", f"{path} is of another run", help="move it away")
    opened = reopen_run(path, settings)
    columns = plain_schema(campaign.source.schema, campaign.source.schema.names)
    plan = replace(campaign.definition, audience=columns, now=opened.settings.now)
    live = LiveWorkflow(plan, definition_of(campaign.campaign))
    claimed = LiveFolder(folder, campaign.campaign).claim()
    if listed is not None:
        SuppressionFile.write(path, listed)
    return LiveRun(live, opened.job, claimed)


def former_folders(runs: Sequence[LiveRun], settings: AppSettings) -> Iterator[LiveFolder]:
    """The folders of other versions of these workflows; of most of them nothing will be left."""
    current = {each.folder.path for each in runs}
    for run in runs:
        for path in sorted(settings.runs.absolute().glob(f"{run.live.name}-{LIVE}-*")):
            folder = RunFolder(path)
            if path not in current and folder.has(MANIFEST) and _is_of(folder, run.live.name):
                yield LiveFolder(folder, load_campaign(folder.campaign).campaign)


def open_outbox(runs: Sequence[LiveRun], settings: AppSettings, wall: Callable[[], int]) -> Outbox:
    """The outboxes of these workflows, with what is left of their other versions."""
    return Outbox({each.live.name: each.folder for each in runs}, former_folders(runs, settings), wall)


def _is_of(folder: RunFolder, workflow: str) -> bool:
    record = folder.read_json(MANIFEST)
    return LIVE in record and record["campaign"] == workflow
