"""``mailray plan``: the dry run. Exact counts for the whole audience; nothing is sent."""

from __future__ import annotations

import tempfile
from pathlib import Path

from jobs.console import print_json
from jobs.options import Address, CampaignFolder, Json, Now, PartitionRows, RunDir, RunnerOption, instant
from jobs.progress import watching


def command(
    folder: CampaignFolder,
    run_dir: RunDir = None,
    runner: RunnerOption = None,
    address: Address = None,
    partition_rows: PartitionRows = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Say who would get what, without sending anything."""
    from engine.assembly.campaign import open_campaign
    from engine.assembly.run import create_run
    from engine.assembly.settings import AppSettings
    from jobs.execute import check_runner, execute
    from jobs.summaries import print_plan, print_pushdown, pushdown_of

    settings = AppSettings.load(runner=runner, address=address)
    campaign = open_campaign(folder, instant(now), partition_rows)
    check_runner(settings)
    with tempfile.TemporaryDirectory(prefix="mailray-plan-") as scratch, watching(json) as observer:
        opened = create_run(campaign, run_dir or Path(scratch) / "plan", settings)
        summary = {**execute(opened, settings, observer, deliver=False), "pushdown": pushdown_of(campaign)}
    if json:
        print_json(summary)
    else:
        print_plan(summary)
        print_pushdown(summary["pushdown"])
