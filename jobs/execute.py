"""What `plan`, `run` and `resume` have in common: the phases of a run, on the runner that was asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.adapters.stores.run_control import Order
from engine.assembly.control import cancel_left
from engine.assembly.run import OpenRun
from engine.assembly.settings import AppSettings
from engine.errors import TryAgainError
from engine.monitoring import Stages
from engine.pipeline.inline import InlineRunner
from engine.pipeline.records import DECISIONS, MANIFEST, SUMMARY
from engine.pipeline.run import Observer
from engine.pipeline.work import Runner


def execute(opened: OpenRun, settings: AppSettings, observer: Observer, *, deliver: bool) -> dict[str, Any]:
    """Run the phases that are still to be done, and give (and leave on record) the summary."""
    started = time.monotonic()
    stages = Stages(time.perf_counter)
    with opened.folder.locked():
        opened.control.lift()
        run = opened.campaign_run(stages, observer)
        frozen = run.freeze(opened.selection())
        with _runner(opened, settings) as runner:
            counts, plans = run.plan(runner, frozen)
            if deliver:
                run.deliver(runner, plans, opened.settings.limit)
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
    return "paused" if order is Order.PAUSE and outcomes.get("planned") else "finished"


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
            yield InlineRunner(worker)
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
