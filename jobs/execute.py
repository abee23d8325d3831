"""What `plan`, `run` and `resume` have in common: the phases of a run, on the runner that was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.adapters.stores.run_control import Order
from engine.assembly.control import cancel_left
from engine.assembly.run import OpenRun
from engine.assembly.settings import AppSettings
from engine.assembly.wall_clock import wall
from engine.errors import TryAgainError
from engine.monitoring import Stages
from engine.pipeline.inline import InlineRunner
from engine.pipeline.records import DECISIONS, MANIFEST, SUMMARY
from engine.pipeline.run import Observer, no_rest
from engine.pipeline.work import Runner
from jobs.console import err

REST_SECONDS = 0.5
REHEARSAL = "rehearsal:"


def check_runner(settings: AppSettings) -> None:
    """Whether the cluster that was named lets us in, before anything is made or read. Raises UsageError, ServiceError."""
    if settings.runner == "ray" and settings.address is not None:
        from engine.cluster.preflight import check_cluster

        check_cluster(settings.address)


def execute(
    opened: OpenRun, settings: AppSettings, observer: Observer, *, deliver: bool, wait: bool = False
) -> dict[str, Any]:
    """Run the phases that are still to be done, and give (and leave on record) the summary.

    ``wait`` for messages that are due later, until each has come to its end or expires.
    """
    try:
        return _execute(opened, settings, observer, deliver=deliver, wait=wait)
    except KeyboardInterrupt:
        err.print(f"nothing is lost: `mailray resume {opened.folder.path}` goes on", markup=False, soft_wrap=True)
        raise


def _execute(
    opened: OpenRun, settings: AppSettings, observer: Observer, *, deliver: bool, wait: bool
) -> dict[str, Any]:
    started = time.monotonic()
    stages = Stages(time.perf_counter)
    with opened.folder.locked():
        opened.control.lift()
        run = opened.campaign_run(stages, observer)
        frozen = run.freeze(opened.selection())
        with _runner(opened, settings) as runner:
            counts, plans = run.plan(runner, frozen)
            if deliver:
                run.deliver(runner, plans, opened.settings.limit, _rest(opened) if wait else no_rest)
        order = opened.control.order()
        if order is Order.CANCEL:
            cancel_left(opened.folder)
        manifest = opened.folder.read_json(MANIFEST)
        outcomes = opened.outcomes() if deliver else {}
        summary = {
            "run": str(opened.folder.path),
            "campaign": manifest["campaign"],
            "audience": manifest["audience"],
            "outbox_digest": manifest["plan"]["outbox_digest"],
            "plan": counts.as_dict(),
            "outcomes": outcomes,
            "ended": _ended(order, outcomes),
            "stages": stages.as_dict(),
            "seconds": round(time.monotonic() - started, 3),
        }
        opened.folder.write_json(SUMMARY, summary)
    return summary


def _ended(order: Order | None, outcomes: Mapping[str, int]) -> str:
    """How the command's work on the run came to its end: ``finished``, ``paused`` or ``cancelled``."""
    if order is Order.CANCEL:
        return "cancelled"
    left = outcomes.get("planned") or outcomes.get("deferred")
    return "paused" if order is Order.PAUSE and left else "finished"


def _rest(opened: OpenRun) -> Callable[[int], bool]:
    """Wait for a moment while messages are to be due, unless somebody orders the run to end. A rehearsal waits for nobody."""

    def rest(until: int) -> bool:
        if opened.settings.transport == REHEARSAL or opened.control.stopped():
            return False
        time.sleep(min(REST_SECONDS, max(0.0, until / 1_000_000 - time.time())))
        return not opened.control.stopped()

    return rest


def exit_code(summary: Mapping[str, Any]) -> int:
    """0 when each message was accepted or skipped for a reason, 1 when some failed or are in doubt or the run was cancelled, 75 when
    it was paused."""
    if summary["ended"] != "finished":
        return TryAgainError.exit_code if summary["ended"] == "paused" else 1
    outcomes = summary["outcomes"]
    return 1 if any(outcomes.get(name) for name in ("rejected", "deferred", "unknown", "planned", "intent")) else 0


@contextmanager
def _runner(opened: OpenRun, settings: AppSettings) -> Iterator[Runner]:
    if settings.runner == "inline":
        worker = opened.worker()
        try:
            yield InlineRunner(worker, wall)
        finally:
            worker.stop()
        return
    from engine.cluster.runner import ray_runner

    with ray_runner(
        opened.job,
        opened.campaign.templates,
        address=settings.address,
        object_store_mib=settings.object_store_mib,
        most_cpus=settings.most_cpus,
        decided=lambda decision: opened.folder.append_line(DECISIONS, decision.as_dict()),
    ) as runner:
        yield runner
