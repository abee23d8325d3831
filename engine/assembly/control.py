"""What is ordered and decided of a run from outside: pause, cancel, and what becomes of the doubtful."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.adapters.stores.ledger_archive import LedgerArchive
from engine.adapters.stores.plan_files import PlanFiles
from engine.adapters.stores.run_control import Order, RunControl
from engine.adapters.stores.run_folder import RunFolder
from engine.assembly.doubts import doubt_rule, feedback_evidence, open_witness
from engine.assembly.ledger import open_ledger
from engine.assembly.run import reopen_run
from engine.assembly.sending import Route
from engine.assembly.settings import AppSettings, StoresAt
from engine.assembly.status import run_status
from engine.assembly.wall_clock import wall
from engine.delivery.settlement import RESOLUTIONS
from engine.errors import Diagnostic, TryAgainError
from engine.ledger.states import State
from engine.pipeline.records import LIVE, MANIFEST
from engine.pipeline.settle import Doubt, Settlement

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 30.0  # for the replies to what is on the wire


def order_run(path: Path, order: Order, at: datetime) -> dict[str, Any]:
    """Give a run an order, wait until nobody works on it any more, and give its status.

    A pause of a run that nobody works on changes nothing. Raises MissingInputError when this is no run, RefusedError when it was
    cancelled, TryAgainError (MR511) when the order stands and replies are still waited for.
    """
    folder = RunFolder(path.absolute())
    folder.read_json(MANIFEST)
    control = RunControl(folder.path)
    if order is Order.CANCEL or folder.locked_by_somebody():
        control.give(order, at)
    _wait_until_free(folder, order)
    if order is Order.CANCEL:
        with folder.locked():
            cancel_left(folder)
    return run_status(path)


def cancel_left(folder: RunFolder) -> None:
    """Skip what a cancelled run, which this process holds, has not sent. Of a run that was not planned to its end nothing is promised."""
    record, plans = folder.read_json(MANIFEST), PlanFiles(folder.path)
    if LIVE in record:
        settlement(folder).cancel(plans.open(LedgerArchive(folder.ledger).partitions()))
    elif "plan" in record:
        settlement(folder).cancel(plans.partitions())


def doubts(path: Path) -> Sequence[Doubt]:
    """The messages of a run whose fate is unknown, with what came back of them; those that are on their way just now are not."""
    folder = RunFolder(path.absolute())
    stores = StoresAt.of_record(folder.read_json(MANIFEST)["stores"])
    at_work = folder.locked_by_somebody()  # asked first: whoever ends meanwhile leaves no intent behind
    return list(settlement(folder).doubts(feedback_evidence(stores), at_work=at_work))


def reconcile_doubts(path: Path, settings: AppSettings) -> tuple[dict[str, int], Sequence[Diagnostic]]:
    """Find out about the doubts of a run on which nobody works, and settle what can be: how many in which way (``unknown``: still in
    doubt), and who could not be asked. Raises RefusedError while somebody works on it."""
    opened = reopen_run(path, settings, check_origin=False)
    campaign, run = opened.campaign.campaign, opened.settings
    route = Route(run.transport, run.credentials)
    witness = open_witness(run.stores, route, campaign.delivery, run.origin)
    with opened.folder.locked():
        done = settlement(opened.folder).reconcile(witness, doubt_rule(campaign))
    return {state.name.lower(): done[state] for state in (*RESOLUTIONS, State.UNKNOWN)}, witness.faults


def resolve_doubts(path: Path, keys: Collection[str] | None, resolution: State) -> int:
    """Settle doubts of a run on which nobody works, and say how many. Raises RefusedError while somebody does, InputError."""
    folder = RunFolder(path.absolute())
    folder.read_json(MANIFEST)
    with folder.locked():
        return settlement(folder).resolve(keys, resolution)


def settlement(folder: RunFolder) -> Settlement:
    owner = f"process {os.getpid()} on {socket.gethostname()}"
    archive = LedgerArchive(folder.ledger)
    return Settlement(open_ledger(folder), PlanFiles(folder.path), archive, owner, wall)


def _wait_until_free(folder: RunFolder, order: Order) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while folder.locked_by_somebody():
        if time.monotonic() >= until:
            raise TryAgainError.single(
                "MR511",
                f"the run was told to {order.value}, and still waits for replies to messages on the wire",
                help=f"nothing more is sent; `mailray status {folder.path}` says when it has ended",
            )
        time.sleep(POLL_SECONDS)
