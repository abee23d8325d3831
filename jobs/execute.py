"""What `plan`, `run` and `resume` have in common: the phases of a run, on the runner that was asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.assembly import AppSettings, OpenRun
from engine.monitoring import Stages
from engine.pipeline.inline import InlineRunner
from engine.pipeline.run import DECISIONS, MANIFEST, SUMMARY, Observer
from engine.pipeline.work import Runner


def execute(opened: OpenRun, settings: AppSettings, observer: Observer, *, deliver: bool) -> dict[str, Any]:
    """Run the phases that are still to be done, and give (and leave on record) the summary."""
    started = time.monotonic()
    stages = Stages(time.perf_counter)
    with opened.folder.locked():
        run = opened.campaign_run(stages, observer)
        frozen = run.freeze(opened.selection())
        with _runner(opened, settings) as runner:
            counts, plans = run.plan(runner, frozen)
            if deliver:
                run.deliver(runner, plans, opened.settings.limit)
        manifest = opened.folder.read_json(MANIFEST)
        summary = {
            "run": str(opened.folder.path),
            "campaign": manifest["campaign"],
            "audience": manifest["audience"],
            "outbox_digest": manifest["plan"]["outbox_digest"],
            "plan": counts.as_dict(),
            "outcomes": opened.outcomes() if deliver else {},
            "stages": stages.as_dict(),
            "seconds": round(time.monotonic() - started, 3),
        }
        opened.folder.write_json(SUMMARY, summary)
    return summary


def exit_code(summary: Mapping[str, Any]) -> int:
    """0 when each message was accepted or skipped for a reason, 1 when some failed or are in doubt."""
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
    from engine.cluster import ray_runner

    with ray_runner(
        opened.job,
        opened.campaign.templates,
        address=settings.address,
        object_store_mib=settings.object_store_mib,
        most_cpus=settings.most_cpus,
        decided=lambda decision: opened.folder.append_line(DECISIONS, decision.as_dict()),
    ) as runner:
        yield runner
